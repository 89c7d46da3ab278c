//! Pace and time.

use chrono::{DateTime, TimeDelta, Utc};
use sb_domain::delivery::DeliveryState;

use crate::world::{World, now};

#[tokio::test]
async fn a_number_keeps_its_own_pace() {
    let mut world = World::with(|s| s.dispatcher.default_rate_per_second = 20).await;
    world.rate_per_second = None;
    let tenant = world.tenant("101").await;
    for phone in 10..60 {
        let talk = world.talk(&tenant, &format!("4917000000{phone}")).await;
        world.queue(talk, "hi").await;
    }
    let _dispatcher = world.dispatcher().await;
    world.until_accepted(&tenant, 50).await;
    let mut times: Vec<DateTime<Utc>> = world
        .sent()
        .await
        .iter()
        .map(|sent| serde_json::from_value(sent["at"].clone()).unwrap())
        .collect();
    times.sort_unstable();
    for first in &times {
        let end = *first + TimeDelta::seconds(1);
        let inside = times.iter().filter(|at| *at >= first && **at < end).count();
        // Two more for what a busy machine delays on the way.
        assert!(inside <= 22, "{inside} in a second");
    }
    let whole = times[times.len() - 1] - times[0];
    assert!(whole < TimeDelta::seconds(10), "{whole}");
}

#[tokio::test]
async fn a_scheduled_message_waits_for_its_time_and_holds_nobody_back() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let _dispatcher = world.dispatcher().await;
    let send_at = now() + TimeDelta::seconds(3);
    let scheduled = world
        .queue_with(talk, "scheduled", |new| new.send_at = Some(send_at))
        .await;
    let at_once = world.queue(talk, "at once").await;
    world.until(talk, at_once, DeliveryState::Accepted).await;
    assert_eq!(world.state(talk, scheduled).await, "queued");
    let message = world.until(talk, scheduled, DeliveryState::Accepted).await;
    assert!(message.accepted_at.unwrap() >= send_at);
    assert_eq!(
        world.texts().await["491700000001"],
        ["at once", "scheduled"]
    );
}
