use std::time::Duration;

use futures::future::try_join_all;
use sb_bus::{Bus, PublishError};
use sb_events::proto::update::v1::RawPost;
use sb_events::{Addressed, Stream};
use sb_local::NatsOptions;

use crate::support::{Rig, Thread};

#[tokio::test]
async fn events_published_twice_are_stored_once() {
    let rig = Rig::start().await;
    let events = Thread::of(1).events(rig.topology(), 0..1_000);
    for _ in 0..2 {
        rig.bus.publisher().publish(&events).await.unwrap();
    }
    // 1,000 items of one subject are 4 envelopes of at most 256.
    assert_eq!(rig.stored(Stream::Events).await, 4);
}

#[tokio::test]
async fn more_subjects_than_acknowledgements_in_flight_are_published() {
    let rig = Rig::start().await;
    let events: Vec<Addressed> = (1..=6_000)
        .map(|n| Thread::of(n).event(rig.topology(), 0))
        .collect();
    rig.bus.publisher().publish(&events).await.unwrap();
    assert_eq!(rig.stored(Stream::Events).await, 6_000);
}

#[tokio::test]
async fn an_event_the_server_cannot_take_is_named() {
    let rig = Rig::with(NatsOptions {
        max_payload_mb: 1,
        ..NatsOptions::default()
    })
    .await;
    let large = Addressed {
        payload: vec![0; 2 << 20].into(),
        ..Thread::of(1).event(rig.topology(), 0)
    };
    let error = rig.bus.publisher().publish(&[large]).await.unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("MessageReceived"), "{error}");
}

#[tokio::test]
async fn posts_of_many_requests_become_one_durable_message() {
    let rig = Rig::start().await;
    let posts: Vec<RawPost> = (0..128)
        .map(|n| RawPost {
            post_id: n.to_string(),
            body: vec![b'x'; 1_000].into(),
            ..RawPost::default()
        })
        .collect();
    let publisher = rig.bus.publisher();
    let sequence = publisher.publish_raw_posts(posts.clone()).await.unwrap();
    assert_eq!(publisher.publish_raw_posts(posts).await.unwrap(), sequence);
    assert_eq!(rig.stored(Stream::Updates).await, 1);
}

#[tokio::test]
async fn posts_too_large_for_one_message_are_spread_over_several() {
    let rig = Rig::with(NatsOptions {
        max_payload_mb: 1,
        ..NatsOptions::default()
    })
    .await;
    let posts = (0..4)
        .map(|n| RawPost {
            post_id: n.to_string(),
            body: vec![b'x'; 700_000].into(),
            ..RawPost::default()
        })
        .collect();
    assert_eq!(
        rig.bus.publisher().publish_raw_posts(posts).await.unwrap(),
        4
    );
}

#[tokio::test]
async fn many_services_set_up_the_streams_at_once() {
    let rig = Rig::start().await;
    rig.bus.drop_streams().await.unwrap();
    let buses = try_join_all((0..6).map(|_| Bus::connect(&rig.settings)))
        .await
        .unwrap();
    try_join_all(buses.iter().map(Bus::ensure_streams))
        .await
        .unwrap();
    rig.bus.healthy().await.unwrap();
    assert_eq!(rig.stored(Stream::Dead).await, 0);
}

#[tokio::test]
async fn a_publisher_says_so_when_the_server_is_away_and_recovers_with_it() {
    let mut rig = Rig::start().await;
    rig.server.kill().await.unwrap();
    let events = Thread::of(1).events(rig.topology(), 0..3);
    let impatient = rig
        .bus
        .publisher()
        .with_deadline(Duration::from_millis(300));
    let error = impatient.publish(&events).await.unwrap_err();
    assert!(
        matches!(error, PublishError::NotAcknowledged { .. }),
        "{error}"
    );
    assert!(rig.bus.healthy().await.is_err());
    rig.server.restart().await.unwrap();
    rig.bus.publisher().publish(&events).await.unwrap();
    assert_eq!(rig.stored(Stream::Events).await, 1);
}
