//! A tenant sends, and follows what happens.

use anyhow::{Context, ensure};
use e2e::{Account, EventFollower, InProcess, Onboarding, event_text};
use sb_client::{PlacedEvent, SendMessage};
use sb_domain::content::MessageContent;
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
    let stage = InProcess::start().await?;
    let tenant = stage.echoing_tenant().await?;
    let follower = EventFollower::start(&tenant.client);
    let wamid = stage
        .meta
        .phone_writes(PHONE, tenant.phone_number_id(), "Hi")
        .await?;

    let is_told = |events: &[PlacedEvent]| {
        let has = |kind: &str| events.iter().any(|placed| placed.event.kind == kind);
        let is_read = |placed: &PlacedEvent| event_text(placed, "/status") == "read";
        has("message.accepted") && events.iter().any(is_read)
    };
    let events = follower
        .until("the answer is accepted and read", PATIENCE, is_told)
        .await?;
    ensure!(
        events
            .iter()
            .all(|placed| placed.event.organization_id == tenant.organization)
    );
    let conversation = only_conversation(&tenant).await?;
    let of_conversation = |p: &&PlacedEvent| p.event.conversation_id == Some(conversation.id);
    let story: Vec<&PlacedEvent> = events.iter().filter(of_conversation).collect();
    let [first, second, ..] = story.as_slice() else {
        anyhow::bail!("a question and its answer are at least two events: {story:?}");
    };
    ensure!(first.event.kind == "message.received", "{first:?}");
    ensure!(event_text(first, "/wamid") == wamid, "{first:?}");
    ensure!(event_text(first, "/content/body") == "Hi", "{first:?}");
    // What follows has several authors: statuses can be faster than the answer to the send.
    ensure!(second.event.kind == "message.queued", "{second:?}");

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
