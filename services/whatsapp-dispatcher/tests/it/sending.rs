//! Messages go once and in order.

use std::time::Duration;

use futures::StreamExt as _;
use prost::Message as _;
use sb_bus::TapStart;
use sb_db::SystemReason;
use sb_domain::delivery::DeliveryState;
use sb_events::proto::dispatch::v1::SendMessage;
use sb_events::proto::message::v1::MessageAccepted;
use sb_events::{Addressed, Origin, meta};
use sb_ids::EventId;
use serde_json::json;

use crate::world::{World, now};

#[tokio::test]
async fn a_queued_message_is_accepted_and_announced() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let mut events = world
        .bus
        .tap(tenant.organization, TapStart::New)
        .await
        .unwrap();
    let _dispatcher = world.dispatcher().await;
    let id = world.queue(talk, "hello").await;
    let message = world.until(talk, id, DeliveryState::Accepted).await;
    assert_eq!(message.attempts, 1);
    assert!(message.accepted_at.is_some());

    let sent = world.sent().await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["biz_opaque_callback_data"], json!(id.to_string()));
    assert_eq!(sent[0]["wa_id"], json!("491700000001"));
    assert_eq!(
        sent[0]["id"],
        json!(message.wamid.as_ref().unwrap().as_str())
    );

    let accepted = async {
        loop {
            let (_, item) = events.next().await.unwrap();
            if item.r#type == "switchboard.message.v1.MessageAccepted" {
                break MessageAccepted::decode(item.payload).unwrap();
            }
        }
    };
    let accepted = tokio::time::timeout(Duration::from_secs(30), accepted)
        .await
        .unwrap();
    let reference = accepted.message.unwrap();
    assert_eq!(reference.message_id, id.to_string());
    assert_eq!(reference.wamid, message.wamid.unwrap().as_str());
    // The chain of the command that asked for it goes on.
    assert_eq!(accepted.meta.unwrap().correlation_id, id.to_string());
}

#[tokio::test]
async fn each_conversation_keeps_its_order() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let _dispatcher = world.dispatcher().await;
    let mut talks = Vec::new();
    for phone in 1..=4 {
        talks.push(world.talk(&tenant, &format!("49170000000{phone}")).await);
    }
    for turn in 0..15 {
        for talk in &talks {
            world.queue(*talk, &format!("{turn:02}")).await;
        }
    }
    world.until_accepted(&tenant, 60).await;
    for (phone, texts) in world.texts().await {
        let expected: Vec<String> = (0..15).map(|turn| format!("{turn:02}")).collect();
        assert_eq!(texts, expected, "{phone}");
    }
}

#[tokio::test]
async fn a_command_that_comes_again_sends_nothing_again() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let _dispatcher = world.dispatcher().await;
    let id = world.queue(talk, "once").await;
    let commands: Vec<Addressed> = (0..20)
        .map(|_| {
            let command = SendMessage {
                meta: Some(meta(
                    EventId::new(now()),
                    now(),
                    talk.organization,
                    Origin::default(),
                )),
                message_id: id.to_string(),
                conversation_id: talk.conversation.to_string(),
                number_id: talk.number.to_string(),
            };
            Addressed::new(world.bus.topology(), &command).unwrap()
        })
        .collect();
    world.bus.publisher().publish(&commands).await.unwrap();
    let last = world.queue(talk, "last").await;
    world.until(talk, last, DeliveryState::Accepted).await;
    assert_eq!(world.texts().await["491700000001"], ["once", "last"]);
}

#[tokio::test]
async fn replicas_share_the_work_and_hand_it_over_without_sending_twice() {
    let world = World::start().await;
    let tenants = [world.tenant("101").await, world.tenant("102").await];
    let first = world.dispatcher().await;
    let _second = world.dispatcher().await;
    let mut talks = Vec::new();
    for tenant in &tenants {
        for phone in 10..30 {
            talks.push(world.talk(tenant, &format!("4917000000{phone}")).await);
        }
    }
    for turn in 0..5 {
        for talk in &talks {
            world.queue(*talk, &format!("{turn}")).await;
        }
        if turn == 2 {
            first.stop();
        }
    }
    for tenant in &tenants {
        world.until_accepted(tenant, 100).await;
    }
    assert_eq!(world.sent().await.len(), 200);
    assert!(world.repeated().await.is_empty());
}

#[tokio::test]
async fn a_lost_command_is_made_up_for() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let id = world.queue(talk, "forgotten").await;
    let mut tx = world.db.system(SystemReason::OutboxRelay).await.unwrap();
    let rows = tx.outbox().claim(100).await.unwrap();
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    tx.outbox().delete(&ids).await.unwrap();
    tx.commit().await.unwrap();
    let _dispatcher = world.dispatcher().await;
    world.until(talk, id, DeliveryState::Accepted).await;
}
