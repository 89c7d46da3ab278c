//! The same request with the same key is done once.

use sb_db::SystemReason;
use sb_domain::Clock;
use sb_egress::Method;
use serde_json::{Value, json};

use crate::world::{Answer, CONTACT, World, answer};

async fn send(world: &World, key: &str, body: &Value) -> Answer {
    let request = world
        .request(Method::POST, "/v1/messages")
        .header("idempotency-key", key)
        .json(body);
    answer(request).await
}

fn template(name: &str) -> Value {
    json!({ "to": CONTACT, "content": { "type": "template", "name": name, "language": "en" } })
}

fn is_replay(answer: &Answer) -> bool {
    answer
        .headers
        .get("idempotent-replayed")
        .is_some_and(|v| v == "true")
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_does_nothing() {
    let world = World::start().await;
    let first = send(&world, "order-17", &template("ready")).await;
    let again = send(&world, "order-17", &template("ready")).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert!(!is_replay(&first) && is_replay(&again));
    assert_eq!(first.body, again.body);
    assert_eq!(world.count("messages").await, 1);
}

#[tokio::test]
async fn another_request_with_the_same_key_is_a_mistake() {
    let world = World::start().await;
    send(&world, "order-17", &template("ready")).await;
    let other = send(&world, "order-17", &template("late")).await;
    assert_eq!(
        (other.status, other.code.as_str()),
        (409, "idempotency.mismatch")
    );
    let request = world
        .request(Method::POST, "/v1/agents")
        .header("idempotency-key", "order-17")
        .json(&json!({ "name": "a" }));
    let elsewhere = answer(request).await;
    assert_eq!(elsewhere.code, "idempotency.mismatch");
    assert_eq!(world.count("messages").await, 1);
}

#[tokio::test]
async fn a_request_whose_first_is_still_at_work_is_told_to_wait() {
    let world = World::start().await;
    let mut tx = world.db.tenant(world.tenant.organization).await.unwrap();
    tx.idempotency()
        .claim("order-17", b"x", Clock::system().now())
        .await
        .unwrap();
    let waiting = send(&world, "order-17", &template("ready")).await;
    assert_eq!(
        (waiting.status, waiting.code.as_str()),
        (409, "idempotency.in_progress")
    );
    assert!(waiting.headers.contains_key("retry-after"));
    // The first one fails: the key is free again.
    tx.rollback().await.unwrap();
    assert_eq!(
        send(&world, "order-17", &template("ready")).await.status,
        202
    );
}

#[tokio::test]
async fn a_remembered_answer_is_given_while_somebody_else_asks_for_it() {
    let world = World::start().await;
    send(&world, "order-17", &template("ready")).await;
    let mut tx = world.db.tenant(world.tenant.organization).await.unwrap();
    tx.idempotency()
        .claim("order-17", b"x", Clock::system().now())
        .await
        .unwrap();
    let again = send(&world, "order-17", &template("ready")).await;
    assert!(again.status == 202 && is_replay(&again), "{again:?}");
    let other = send(&world, "order-17", &template("late")).await;
    assert_eq!(other.code, "idempotency.mismatch");
}

#[tokio::test]
async fn many_at_once_are_done_once() {
    let world = World::start().await;
    let body = template("ready");
    let sends: Vec<_> = (0..6).map(|_| send(&world, "order-17", &body)).collect();
    let answers = futures::future::join_all(sends).await;
    for answer in &answers {
        assert!(matches!(answer.status, 202 | 409), "{answer:?}");
    }
    assert!(answers.iter().any(|answer| answer.status == 202));
    assert_eq!(world.count("messages").await, 1);
}

#[tokio::test]
async fn a_refused_request_does_not_use_its_key_up() {
    let world = World::start().await;
    let free_form = json!({ "to": CONTACT, "content": { "type": "text", "body": "hi" } });
    let refused = send(&world, "order-17", &free_form).await;
    assert_eq!(refused.code, "conversation.window_closed");
    assert_eq!(world.count("contacts").await, 0, "nothing of it stays");
    assert_eq!(
        send(&world, "order-17", &template("ready")).await.status,
        202
    );
}

#[tokio::test]
async fn a_key_is_forgotten_after_its_time_and_belongs_to_its_tenant() {
    let world = World::start().await;
    send(&world, "order-17", &template("ready")).await;
    let other = world.another_tenant().await;
    let request = world
        .anonymous(Method::POST, "/v1/messages")
        .bearer(&other.api_key)
        .header("idempotency-key", "order-17")
        .json(&template("other"));
    assert_eq!(answer(request).await.status, 202);
    sqlx::query("UPDATE idempotency_keys SET expires_at = now()")
        .execute(&world.pool)
        .await
        .unwrap();
    let fresh = send(&world, "order-17", &template("ready")).await;
    assert!(!is_replay(&fresh));
    assert_eq!(world.count("messages").await, 3);
    let mut tx = world.db.system(SystemReason::Housekeeping).await.unwrap();
    let removed = tx
        .delete_expired_idempotency(Clock::system().now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(removed, 1, "the other tenant's; ours was renewed");
}
