//! Lost answers, killed dispatchers, statuses that come at the wrong moment.

use chrono::TimeDelta;
use sb_db::dispatch::ConversationKey;
use sb_db::ingest::{NewStatus, Report, StatusChanges};
use sb_db::{NewOutgoing, SystemReason};
use sb_domain::delivery::{DeliveryState, OnUnknown, ReportedStatus};
use sb_ids::MessageId;
use sb_testkit::wait_until;
use serde_json::{Value, json};

use crate::world::{World, now};

/// What ingest does with a status that echoes our id.
async fn delivered(world: &World, talk: ConversationKey, id: MessageId, wamid: &str) {
    let mut tx = world.db.system(SystemReason::Ingest).await.unwrap();
    let wanted = (talk.organization, Some(id), wamid.to_owned());
    let matched = tx.ingest().match_statuses(&[wanted]).await.unwrap();
    assert_eq!(matched[0].map(|applied| applied.message), Some(id));
    let report = Report {
        status: ReportedStatus::Delivered,
        at: now(),
        raw: &Value::Null,
    };
    let mut changes = StatusChanges::default();
    changes.add((talk.organization, id), wamid, &report);
    let changes = changes.into_changes();
    tx.ingest().apply_statuses(&changes).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_never_sent_again_and_resolved_by_its_status() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    world.faults(json!({"lost_answer": {"count": 1}})).await;
    let _dispatcher = world.dispatcher().await;
    let lost = world.queue(talk, "lost").await;
    let message = world.until(talk, lost, DeliveryState::Unknown).await;
    assert_eq!(message.error_code.as_deref(), Some("send.answer_lost"));
    assert_eq!(message.wamid, None);
    // The conversation goes on.
    let next = world.queue(talk, "next").await;
    world.until(talk, next, DeliveryState::Accepted).await;
    assert_eq!(world.texts().await["491700000001"], ["lost", "next"]);

    let sent = world.sent().await;
    let wamid = sent[0]["id"].as_str().unwrap();
    delivered(&world, talk, lost, wamid).await;
    let message = world.until(talk, lost, DeliveryState::Delivered).await;
    assert_eq!(message.wamid.unwrap().as_str(), wamid);
    assert!(world.repeated().await.is_empty());
}

#[tokio::test]
async fn an_unknown_message_stays_unknown_at_its_deadline() {
    let world = World::with(|settings| settings.dispatcher.unknown_deadline_seconds = 0).await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    world.faults(json!({"lost_answer": {"count": 1}})).await;
    let _dispatcher = world.dispatcher().await;
    let lost = world.queue(talk, "lost").await;
    world.until(talk, lost, DeliveryState::Unknown).await;
    let is_held = async || {
        let mut tx = world.db.system(SystemReason::Dispatch).await.unwrap();
        let due = tx.dispatch().settle_unknown(now(), "x", 10).await.unwrap();
        tx.rollback().await.unwrap();
        due.is_empty()
    };
    wait_until("the policy was applied", is_held).await;
    assert_eq!(world.state(talk, lost).await, "unknown");
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test]
async fn a_dispatcher_killed_while_sending_leaves_the_message_unknown() {
    let world = World::with(|settings| settings.dispatcher.send_timeout_ms = 3_000).await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    world.faults(json!({"latency_ms": 60_000})).await;
    let doomed = world.dispatcher().await;
    let interrupted = world.queue(talk, "interrupted").await;
    world.until(talk, interrupted, DeliveryState::Sending).await;
    doomed.kill();
    world.faults(json!({})).await;

    let _dispatcher = world.dispatcher().await;
    let next = world.queue(talk, "next").await;
    let elsewhere = world.talk(&tenant, "491700000002").await;
    let other = world.queue(elsewhere, "elsewhere").await;
    world.until(elsewhere, other, DeliveryState::Accepted).await;
    // Nobody can know about the first one yet, so it still holds its conversation.
    assert_eq!(world.state(talk, interrupted).await, "sending");
    assert_eq!(world.state(talk, next).await, "queued");
    world.until(talk, interrupted, DeliveryState::Unknown).await;
    world.until(talk, next, DeliveryState::Accepted).await;
    assert_eq!(world.texts().await["491700000001"], ["next"]);
}

#[tokio::test]
async fn claims_nobody_came_back_for_become_unknown_and_let_the_conversation_go_on() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let lost = world.queue(talk, "lost").await;
    let next = world.queue(talk, "next").await;
    let mut tx = world.db.system(SystemReason::Dispatch).await.unwrap();
    let claimed = tx
        .dispatch()
        .claim(&[talk], now(), now() - TimeDelta::seconds(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(claimed[0].has_more);
    let _dispatcher = world.dispatcher().await;
    world.until(talk, next, DeliveryState::Accepted).await;
    let message = world.message(talk, lost).await;
    assert_eq!(message.state.as_str(), "unknown");
    assert_eq!(message.error_code.as_deref(), Some("send.interrupted"));
    assert_eq!(world.texts().await["491700000001"], ["next"]);
}

#[tokio::test]
async fn a_status_that_missed_its_message_finds_it() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let _dispatcher = world.dispatcher().await;
    let id = world.queue(talk, "hi").await;
    let message = world.until(talk, id, DeliveryState::Accepted).await;
    let wamid = message.wamid.unwrap();
    let status = NewStatus {
        organization: talk.organization,
        wamid: wamid.as_str().to_owned(),
        status: "read".to_owned(),
        recipient: String::new(),
        message: None,
        at: now(),
        raw_json: "{}".to_owned(),
        source_sequence: 1,
        received_at: now(),
    };
    let mut tx = world.db.system(SystemReason::Ingest).await.unwrap();
    tx.ingest().insert_statuses(&[status]).await.unwrap();
    tx.commit().await.unwrap();
    let message = world.until(talk, id, DeliveryState::Read).await;
    assert!(message.read_at.is_some());
}

#[tokio::test]
async fn whoever_would_rather_send_twice_or_fail_says_so() {
    let world = World::with(|settings| settings.dispatcher.unknown_deadline_seconds = 0).await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let other = world.talk(&tenant, "491700000002").await;
    world.faults(json!({"lost_answer": {"count": 1}})).await;
    let _dispatcher = world.dispatcher().await;
    let with = |policy| move |new: &mut NewOutgoing| new.on_unknown = policy;
    let again = world
        .queue_with(talk, "again", with(OnUnknown::Resend))
        .await;
    let message = world.until(talk, again, DeliveryState::Accepted).await;
    assert_eq!(message.attempts, 2);
    // It may be sent twice, not any number of times.
    assert_eq!(message.on_unknown, OnUnknown::Hold);
    world.faults(json!({"lost_answer": {"count": 1}})).await;
    let failing = world.queue_with(other, "fail", with(OnUnknown::Fail)).await;
    let message = world.until(other, failing, DeliveryState::Failed).await;
    assert_eq!(message.error_code.as_deref(), Some("send.never_known"));
    let texts = world.texts().await;
    assert_eq!(texts["491700000001"], ["again", "again"]);
    assert_eq!(texts["491700000002"], ["fail"]);
}
