//! Refusals, and what is never sent.

use std::net::TcpListener;

use chrono::TimeDelta;
use sb_db::{NumberChange, SystemReason};
use sb_domain::content::{MessageContent, Part, TemplatePart};
use sb_domain::delivery::DeliveryState;
use sb_testkit::wait_until;
use sb_vault::{Binding, Vault};
use serde_json::json;

use crate::world::{World, now};

#[tokio::test]
async fn a_retry_holds_back_its_conversation_and_no_other() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let held = world.talk(&tenant, "491700000001").await;
    let other = world.talk(&tenant, "491700000002").await;
    let _dispatcher = world.dispatcher().await;
    // Four seconds' wait after the second refusal.
    world
        .faults(json!({"error": {"code": 131_056, "count": 2}}))
        .await;
    let first = world.queue(held, "first").await;
    wait_until("the first message was refused twice", async || {
        world.message(held, first).await.attempts == 2 && world.state(held, first).await == "queued"
    })
    .await;
    let second = world.queue(held, "second").await;
    let elsewhere = world.queue(other, "elsewhere").await;
    world.until(other, elsewhere, DeliveryState::Accepted).await;
    assert_eq!(world.state(held, second).await, "queued");
    assert_eq!(world.message(held, second).await.attempts, 0);
    world.until(held, second, DeliveryState::Accepted).await;
    assert_eq!(world.message(held, first).await.attempts, 3);
    assert_eq!(world.texts().await["491700000001"], ["first", "second"]);
}

#[tokio::test]
async fn throttled_messages_are_sent_later() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    world
        .faults(json!({"error": {"code": 130_429, "count": 5}}))
        .await;
    let _dispatcher = world.dispatcher().await;
    for phone in 10..20 {
        let talk = world.talk(&tenant, &format!("4917000000{phone}")).await;
        world.queue(talk, "hi").await;
    }
    world.until_accepted(&tenant, 10).await;
    assert!(world.repeated().await.is_empty());
}

#[tokio::test]
async fn a_permanent_refusal_keeps_metas_error_and_lets_the_conversation_go_on() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    world
        .faults(json!({"error": {"code": 131_051, "count": 1, "details": "because"}}))
        .await;
    let refused = world.queue(talk, "refused").await;
    let next = world.queue(talk, "next").await;
    let _dispatcher = world.dispatcher().await;
    world.until(talk, next, DeliveryState::Accepted).await;
    let message = world.message(talk, refused).await;
    assert_eq!(message.state.as_str(), "failed");
    assert_eq!(message.error_code.as_deref(), Some("meta.131051"));
    let error = message.error.unwrap();
    assert_eq!(error["code"], json!(131_051));
    assert_eq!(error["error_data"]["details"], json!("because"));

    let mut tx = world.db.system(SystemReason::Operations).await.unwrap();
    let id = Some(refused.as_uuid());
    let stories = tx.stories().find(id, "").await.unwrap();
    tx.rollback().await.unwrap();
    let told = stories[0]
        .hops
        .iter()
        .any(|hop| hop.detail.contains("meta.131051"));
    assert!(told, "{:?}", stories[0].hops);
}

#[tokio::test]
async fn a_refused_token_stops_only_its_number_until_there_is_a_new_one() {
    let world = World::start().await;
    let (broken, sound) = (world.tenant("101").await, world.tenant("102").await);
    world
        .faults_of(&broken, json!({"error": {"code": 190}}))
        .await;
    let stopped = world.talk(&broken, "491700000001").await;
    let other = world.talk(&sound, "491700000002").await;
    let _dispatcher = world.dispatcher().await;
    let waiting = world.queue(stopped, "waiting").await;
    let is_rejected = async || {
        let mut tx = world.db.tenant(broken.organization).await.unwrap();
        let number = tx.numbers().find(broken.number).await.unwrap().unwrap();
        tx.rollback().await.unwrap();
        number.token_rejected_at.is_some()
    };
    wait_until("the token is refused", is_rejected).await;
    let behind = world.queue(stopped, "behind").await;
    let elsewhere = world.queue(other, "elsewhere").await;
    world.until(other, elsewhere, DeliveryState::Accepted).await;
    assert_eq!(world.state(stopped, waiting).await, "queued");
    assert_eq!(world.message(stopped, waiting).await.attempts, 1);

    world.faults_of(&broken, json!({})).await;
    let vault = Vault::from_settings(&world.settings.vault).unwrap();
    let (organization, row) = (broken.organization.as_uuid(), broken.number.as_uuid());
    let binding = Binding {
        table: "numbers",
        column: "access_token_sealed",
        organization_id: organization.as_bytes(),
        row_id: row.as_bytes(),
    };
    let token = world.settings.simulator.access_token.as_bytes();
    let change = NumberChange {
        access_token_sealed: Some(vault.seal(&binding, token).unwrap().into_bytes()),
        ..NumberChange::default()
    };
    let mut tx = world.db.tenant(broken.organization).await.unwrap();
    tx.numbers()
        .update(broken.number, &change, now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.until(stopped, behind, DeliveryState::Accepted).await;
    assert_eq!(world.texts().await["491700000001"], ["waiting", "behind"]);
}

#[tokio::test]
async fn while_meta_cannot_be_reached_messages_wait() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let unreachable = world
        .dispatcher_with(|settings| settings.meta.graph_url = format!("http://{address}"))
        .await;
    let id = world.queue(talk, "patient").await;
    wait_until("two connections were refused", async || {
        world.message(talk, id).await.attempts >= 2
    })
    .await;
    let message = world.until(talk, id, DeliveryState::Queued).await;
    assert_eq!(message.error_code.as_deref(), Some("send.not_sent"));
    unreachable.stop();
    let _dispatcher = world.dispatcher().await;
    let message = world.until(talk, id, DeliveryState::Accepted).await;
    assert_eq!(message.error_code, None);
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test]
async fn what_has_expired_is_not_sent() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let late = world
        .queue_with(talk, "late", |new| new.expires_at = Some(now()))
        .await;
    let in_time = world
        .queue_with(talk, "in time", |new| {
            new.expires_at = Some(now() + TimeDelta::hours(1));
        })
        .await;
    let _dispatcher = world.dispatcher().await;
    world.until(talk, in_time, DeliveryState::Accepted).await;
    let message = world.message(talk, late).await;
    assert_eq!(message.state.as_str(), "failed");
    assert_eq!(message.error_code.as_deref(), Some("message.expired"));
    assert!(message.failed_at.is_some());
    assert_eq!(world.texts().await["491700000001"], ["in time"]);
}

#[tokio::test]
async fn in_a_closed_window_only_templates_go() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    world.faults(json!({"lenient_templates": true})).await;
    let talk = world.silent_talk(&tenant, "491700000001").await;
    world
        .contact_wrote(talk, now() - TimeDelta::hours(25))
        .await;
    let text = world.queue(talk, "too late").await;
    let template = world
        .queue_with(talk, "", |new| {
            new.content = MessageContent::of(Part::Template(TemplatePart {
                name: "hello_again".to_owned(),
                language: "en_US".to_owned(),
                components: Vec::new(),
                marketing: None,
            }));
        })
        .await;
    let _dispatcher = world.dispatcher().await;
    world.until(talk, template, DeliveryState::Accepted).await;
    let message = world.message(talk, text).await;
    assert_eq!(message.state.as_str(), "failed");
    let code = message.error_code.as_deref();
    assert_eq!(code, Some("conversation.window_closed"));
    assert_eq!(world.sent().await.len(), 1);
}
