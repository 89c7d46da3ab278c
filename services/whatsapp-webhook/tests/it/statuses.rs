//! Statuses come late, twice, in any order, and sometimes before we know the wamid.

use crate::posts::{status, text};
use proptest::prelude::*;
use sb_db::{NewOutgoing, QueuedMessage};
use sb_domain::Clock;
use sb_domain::content::MessageContent;
use sb_domain::delivery::OnUnknown;
use sb_events::Origin;
use sb_ids::{ConversationId, MessageId};
use sb_testkit::wait_until;
use serde_json::{Value, json};

use crate::world::{CONTACT, World, another_tenant};

/// A conversation with a message of ours in the state given.
async fn outgoing(world: &World, state: &str, wamid: Option<&str>) -> QueuedMessage {
    world.deliver(&[text(CONTACT, "wamid.in", "hi")], &[]).await;
    wait_until("the conversation exists", async || {
        world.count("conversations").await == 1
    })
    .await;
    let conversation: uuid::Uuid = sqlx::query_scalar("SELECT id FROM conversations")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let now = Clock::system().now();
    let new = NewOutgoing {
        id: MessageId::new(now),
        conversation: ConversationId::from_uuid(conversation),
        content: MessageContent::text("answer"),
        agent: None,
        turn: None,
        api_key: None,
        send_at: None,
        expires_at: None,
        on_unknown: OnUnknown::Hold,
        fallback: None,
        origin: Origin::default(),
    };
    let mut tx = world.db.tenant(world.tenant.organization).await.unwrap();
    let queued = tx.queue().send(&new, now).await.unwrap();
    tx.commit().await.unwrap();
    set(world, &queued, state, wamid).await;
    queued
}

async fn set(world: &World, message: &QueuedMessage, state: &str, wamid: Option<&str>) {
    sqlx::query("UPDATE messages SET state = $2, wamid = $3 WHERE id = $1")
        .bind(message.id.as_uuid())
        .bind(state)
        .bind(wamid)
        .execute(&world.pool)
        .await
        .unwrap();
}

async fn state(world: &World, message: &QueuedMessage) -> (String, Option<String>) {
    sqlx::query_as("SELECT state, wamid FROM messages WHERE id = $1")
        .bind(message.id.as_uuid())
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_late_delivered_does_not_undo_read() {
    let world = World::new().await;
    let message = outgoing(&world, "accepted", Some("wamid.out")).await;
    for word in ["read", "delivered", "sent"] {
        world
            .deliver(&[], &[status("wamid.out", word, CONTACT, None)])
            .await;
    }
    world.until_rows("message_statuses", 3).await;
    assert_eq!(state(&world, &message).await.0, "read");
    let times: i64 = world
        .count("messages WHERE sent_at IS NOT NULL AND delivered_at IS NOT NULL AND read_at IS NOT NULL")
        .await;
    assert_eq!(times, 1);
}

#[tokio::test]
async fn a_status_with_our_id_resolves_a_lost_answer() {
    let world = World::new().await;
    let message = outgoing(&world, "unknown", None).await;
    let id = message.id.to_string();
    world
        .deliver(&[], &[status("wamid.out", "sent", CONTACT, Some(&id))])
        .await;
    world.until_rows("message_statuses", 1).await;
    assert_eq!(
        state(&world, &message).await,
        ("sent".to_owned(), Some("wamid.out".to_owned()))
    );
}

#[tokio::test]
async fn a_status_of_an_unknown_message_is_kept_without_a_message() {
    let world = World::new().await;
    world
        .deliver(&[], &[status("wamid.foreign", "delivered", CONTACT, None)])
        .await;
    world.until_rows("message_statuses", 1).await;
    assert_eq!(world.count("messages").await, 0);
    assert_eq!(
        world
            .count("message_statuses WHERE message_id IS NULL")
            .await,
        1
    );
}

#[tokio::test]
async fn a_failure_keeps_metas_own_error() {
    let world = World::new().await;
    let message = outgoing(&world, "sent", Some("wamid.out")).await;
    let mut failed = status("wamid.out", "failed", CONTACT, None);
    let error = json!({ "code": 131_047, "title": "Re-engagement message", "href": "https://x" });
    failed["errors"] = json!([error]);
    world.deliver(&[], &[failed]).await;
    world.until_rows("message_statuses", 1).await;
    let (code, stored): (String, Value) =
        sqlx::query_as("SELECT error_code, error FROM messages WHERE id = $1")
            .bind(message.id.as_uuid())
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!((code.as_str(), stored), ("meta.131047", error));
    assert_eq!(state(&world, &message).await.0, "failed");
}

#[tokio::test]
async fn the_id_of_another_tenants_message_changes_nothing_there() {
    let world = World::new().await;
    let message = outgoing(&world, "accepted", Some("wamid.out")).await;
    let other = another_tenant(&world).await;
    let forged = status(
        "wamid.forged",
        "read",
        CONTACT,
        Some(&message.id.to_string()),
    );
    let change = crate::posts::change(other.phone_number_id.as_str(), &[], &[forged]);
    world.deliver_body(&crate::posts::envelope(&[change])).await;
    world.until_rows("message_statuses", 1).await;
    assert_eq!(
        state(&world, &message).await,
        ("accepted".to_owned(), Some("wamid.out".to_owned()))
    );
}

/// A seed for a permutation: which word comes when, with repetitions and packing into posts.
fn schedules() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let word = prop::sample::select(vec!["sent", "delivered", "read"]);
    prop::collection::vec(prop::collection::vec(word, 1..4), 1..5)
}

#[test]
fn any_order_repetition_and_packing_of_statuses_ends_in_the_same_state() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::new());
    let message = runtime.block_on(outgoing(&world, "accepted", Some("wamid.out")));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(12));
    runner
        .run(&schedules(), |posts| {
            let seen = runtime.block_on(async {
                sqlx::query("DELETE FROM message_statuses")
                    .execute(&world.pool)
                    .await
                    .unwrap();
                set(&world, &message, "accepted", Some("wamid.out")).await;
                for words in &posts {
                    let statuses: Vec<Value> = words
                        .iter()
                        .map(|word| status("wamid.out", word, CONTACT, None))
                        .collect();
                    world.deliver(&[], &statuses).await;
                }
                world.settle().await;
                state(&world, &message).await.0
            });
            let all: Vec<&str> = posts.into_iter().flatten().collect();
            let furthest = ["read", "delivered", "sent"]
                .into_iter()
                .find(|word| all.contains(word))
                .unwrap();
            prop_assert_eq!(seen, furthest);
            Ok(())
        })
        .unwrap();
}
