//! Reading one number's profile on request.

use futures::StreamExt as _;
use sb_bus::TapStart;
use sb_events::public;
use serde_json::json;
use simulator::{ErrorFault, Faults};

use crate::world::World;

fn refresh(world: &World) -> String {
    world.path(&format!("/numbers/{}/refresh", world.tenant.number))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_stores_what_meta_says_and_announces_what_changed() {
    let world = World::new().await;
    let bus = world.servers.bus().await;
    let mut events = bus
        .tap(world.tenant.organization, TapStart::New)
        .await
        .unwrap();
    let answer = world.post(&refresh(&world)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let expected = [
        "verified_name",
        "status",
        "quality_rating",
        "throughput_level",
        "messaging_limit",
    ];
    assert_eq!(answer.body["changed"], json!(expected));
    let number = world.number().await;
    assert_eq!(number.status, "CONNECTED");
    assert_eq!(number.quality_rating, "GREEN");
    assert_eq!(number.throughput_level, "STANDARD");
    assert_eq!(number.messaging_limit, "TIER_2K");
    assert_eq!(number.verified_name, world.settings.simulator.verified_name);
    let (_, item) = events.next().await.unwrap();
    let event = public::from_item(&item).unwrap();
    assert_eq!(event.kind, "number.changed");
    assert_eq!(event.data["changed"], json!(expected));
    assert_eq!(event.data["number_id"], json!(world.tenant.number));
    let listed = world.get(&world.path("/numbers")).await;
    assert_eq!(listed.body["data"], json!([answer.body["number"]]));
    assert_eq!(listed.body["data"][0]["has_access_token"], true);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_brings_nothing_new_changes_and_announces_nothing() {
    let world = World::new().await;
    world.post(&refresh(&world)).await;
    let before = world.number().await;
    sb_testkit::settled(&world.db, &world.servers.bus().await, &[]).await;
    let answer = world.post(&refresh(&world)).await;
    assert_eq!((answer.status, &answer.body["changed"]), (200, &json!([])));
    let after = world.number().await;
    assert!(after.profile_refreshed_at > before.profile_refreshed_at);
    assert_eq!(after.updated_at, before.updated_at);
    let mut tx = world
        .db
        .system(sb_db::SystemReason::Operations)
        .await
        .unwrap();
    assert_eq!(tx.outbox().waiting().await.unwrap(), 0);
    tx.rollback().await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_meta_refuses_is_recorded_until_meta_accepts_it_again() {
    let world = World::new().await;
    let token = world.settings.simulator.access_token.clone();
    world.control("DELETE", &format!("/tokens/{token}")).await;
    let answer = world.post(&refresh(&world)).await;
    assert_eq!(
        (answer.status, answer.body["code"].as_str()),
        (409, Some("number.token_rejected"))
    );
    assert_eq!(answer.body["meta"]["code"], 190, "{}", answer.body);
    assert!(world.number().await.token_rejected_at.is_some());

    world.control("PUT", &format!("/tokens/{token}")).await;
    let answer = world.post(&refresh(&world)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let changed = answer.body["changed"].as_array().unwrap();
    assert!(changed.contains(&json!("token_rejected_at")), "{changed:?}");
    assert!(world.number().await.token_rejected_at.is_none());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metas_refusal_is_passed_on_with_its_own_words_and_its_outage_as_a_wait() {
    let world = World::new().await;
    let refused = |code| Faults {
        error: Some(ErrorFault {
            code,
            status: None,
            details: None,
            probability: 1.0,
            count: None,
        }),
        ..Faults::default()
    };
    world.faults(refused(100));
    let answer = world.post(&refresh(&world)).await;
    assert_eq!(
        (answer.status, answer.body["code"].as_str()),
        (422, Some("meta.refused"))
    );
    assert_eq!(answer.body["meta"]["code"], 100);
    assert!(answer.body["detail"].is_string());

    world.faults(refused(4));
    let answer = world.post(&refresh(&world)).await;
    assert_eq!(
        (answer.status, answer.body["code"].as_str()),
        (503, Some("meta.unavailable"))
    );
    assert_eq!(answer.body["meta"]["code"], 4);

    world.faults(Faults {
        outage: Some(true),
        ..Faults::default()
    });
    let answer = world.post(&refresh(&world)).await;
    assert_eq!(
        (answer.status, answer.body["code"].as_str()),
        (503, Some("meta.unavailable"))
    );
    assert!(world.number().await.token_rejected_at.is_none());
    world.stop().await;
}
