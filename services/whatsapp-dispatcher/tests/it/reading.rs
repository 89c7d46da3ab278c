//! Read marks.

use chrono::{DateTime, TimeDelta, Utc};
use sb_db::dispatch::ConversationKey;
use sb_events::proto::dispatch::v1::MarkRead;
use sb_events::{Addressed, Origin, meta};
use sb_ids::EventId;
use sb_testkit::wait_until;
use serde_json::{Value, json};

use crate::world::{World, now};

async fn ask(world: &World, talk: ConversationKey, wamid: &str, at: DateTime<Utc>) {
    let command = MarkRead {
        meta: Some(meta(
            EventId::new(now()),
            at,
            talk.organization,
            Origin::default(),
        )),
        conversation_id: talk.conversation.to_string(),
        number_id: talk.number.to_string(),
        wamid: wamid.to_owned(),
        typing: true,
    };
    let command = Addressed::new(world.bus.topology(), &command).unwrap();
    world.bus.publisher().publish(&[command]).await.unwrap();
}

async fn status(world: &World, wamid: &str) -> String {
    let path = format!("/messages/{wamid}");
    let message = world
        .stage(sb_egress::Method::GET, &path, Value::Null)
        .await;
    message["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_is_marked_as_read_unless_it_is_too_late() {
    let world = World::start().await;
    let number = world.settings.simulator.phone_number_id.clone();
    let tenant = world.tenant(&number).await;
    let (old_phone, new_phone) = ("491700000001", "491700000002");
    let old_talk = world.talk(&tenant, old_phone).await;
    let new_talk = world.talk(&tenant, new_phone).await;
    let old = world.meta.phone_writes(old_phone, "long ago").unwrap();
    let new = world.meta.phone_writes(new_phone, "now").unwrap();
    let _dispatcher = world.dispatcher().await;
    ask(&world, old_talk, &old, now() - TimeDelta::minutes(2)).await;
    ask(&world, new_talk, &new, now()).await;
    wait_until("the new message is read", async || {
        status(&world, &new).await == json!("read")
    })
    .await;
    assert_ne!(status(&world, &old).await, "read");
}
