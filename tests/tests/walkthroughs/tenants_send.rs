//! A tenant sends, and follows what happens.

use anyhow::{Context, ensure};
use e2e::{Account, EventFollower, InProcess, Onboarding, event_text};
use sb_client::{PlacedEvent, SendMessage};
use sb_domain::content::MessageContent;
use sb_ids::ConversationId;
use serde_json::json;

use crate::looking::{PATIENCE, message_once, only_conversation};

const PHONE: &str = "491511234567";
const STRANGER: &str = "491517654321";

/// Gateway to Graph API to statuses; the same request twice sends once; without an open window only a template goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sending_a_message() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let tenant = stage
        .tenant(&Onboarding::silent("Flowers", Account::FIRST))
        .await?;
    stage
        .meta
        .phone_writes(PHONE, tenant.phone_number_id(), "Hello")
        .await?;
    let conversation = only_conversation(&tenant).await?;

    let text = MessageContent::text("Your order is ready.");
    let order = SendMessage::into_conversation(conversation.id, text);
    let queued = tenant.client.send_message(&order, Some("order-1")).await?;
    let again = tenant.client.send_message(&order, Some("order-1")).await?;
    ensure!(
        queued.id == again.id,
        "one idempotency key made two messages"
    );
    let sent = message_once(&tenant, queued.id, "read").await?;
    let times = [
        sent.accepted_at,
        sent.sent_at,
        sent.delivered_at,
        sent.read_at,
    ];
    ensure!(
        times.iter().all(Option::is_some),
        "a step has no time: {times:?}"
    );
    let log = stage.meta.sent_to(PHONE).await?;
    let [entry] = log.as_slice() else {
        anyhow::bail!("it was to be sent once: {log:?}")
    };
    ensure!(entry.text == "Your order is ready." && entry.callback == queued.id.to_string());

    let refused = tenant
        .client
        .send_message(&SendMessage::text(STRANGER, "Buy!"), None)
        .await;
    let refused = refused.err().context("a stranger can be written to")?;
    ensure!(
        refused.code() == Some("conversation.window_closed"),
        "{refused}"
    );
    let template = json!({ "to": STRANGER, "content": { "type": "template", "name": "hello_world", "language": "en_US" } });
    let queued = tenant
        .api
        .post("/v1/messages", &template)
        .await?
        .expect(202)?;
    let id = queued
        .get("id")
        .and_then(serde_json::Value::as_str)
        .context("an id")?;
    message_once(&tenant, id.parse::<uuid::Uuid>()?.into(), "read").await?;
    ensure!(stage.meta.sent_to(STRANGER).await?.len() == 1);
    Ok(())
}

/// Everything that happens arrives as events, in the order of the conversation; whoever was away goes on where they
/// were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_events() -> anyhow::Result<()> {
    const STORY: [&str; 4] = [
        "message.received",
        "message.queued",
        "message.accepted",
        "message.status",
    ];
    let stage = InProcess::start().await?;
    let tenant = stage.echoing_tenant().await?;
    let follower = EventFollower::start(&tenant.client);
    let wamid = stage
        .meta
        .phone_writes(PHONE, tenant.phone_number_id(), "Hi")
        .await?;

    let is_read = |placed: &PlacedEvent| {
        placed.event.kind == "message.status" && event_text(placed, "/status") == "read"
    };
    let events = follower
        .until("the answer is read", PATIENCE, |events| {
            events.iter().any(is_read)
        })
        .await?;
    let conversation = only_conversation(&tenant).await?;
    let first = events
        .iter()
        .find(|placed| placed.event.kind == "message.received");
    let first = first.context("the message was announced")?;
    ensure!(
        event_text(first, "/wamid") == wamid && event_text(first, "/content/body") == "Hi",
        "{first:?}"
    );
    let kinds = kinds_of(&events, conversation.id);
    let mut story = kinds.iter();
    for kind in STORY {
        ensure!(
            story.any(|told| *told == kind),
            "{kind} is missing or out of order in {kinds:?}"
        );
    }
    ensure!(
        events
            .iter()
            .all(|placed| placed.event.organization_id == tenant.organization)
    );

    // Somebody who saw the first event only, and comes back.
    let mut rest = tenant.client.events(Some(first.place.clone()));
    let position = events
        .iter()
        .position(|placed| placed.place == first.place)
        .context("its place")?;
    for wanted in events.iter().skip(position + 1) {
        let next = tokio::time::timeout(PATIENCE, rest.next())
            .await?
            .context("the stream ended")??;
        ensure!(next == *wanted, "{wanted:?} was to come, {next:?} came");
    }
    Ok(())
}

fn kinds_of(events: &[PlacedEvent], conversation: ConversationId) -> Vec<&str> {
    let of_conversation = events
        .iter()
        .filter(|p| p.event.conversation_id == Some(conversation));
    of_conversation
        .map(|placed| placed.event.kind.as_str())
        .collect()
}
