//! From a phone to the tables, and from there to an answer on the phone.

use anyhow::{Context, ensure};
use e2e::{Account, InProcess, Onboarding, until};
use sb_db::SystemReason;
use sb_domain::content::Direction;
use serde_json::{Value, json};

use crate::looking::{PATIENCE, message_once, messages_once, only_conversation, words};

const PHONE: &str = "491511234567";

/// Meta posts a message twice, as it sometimes does; it is stored once, with who wrote it, and the phone shows two
/// ticks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receiving_a_message() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let tenant = stage
        .tenant(&Onboarding::silent("Flowers", Account::FIRST))
        .await?;
    stage
        .meta
        .set_faults(&json!({ "duplicate_webhooks": 1.0 }))
        .await?;
    let message = json!({ "type": "text", "text": { "body": "Hóla 👋" }, "name": "Ana" });
    let wamid = stage.meta.phone_sends(PHONE, &message).await?;

    let conversation = only_conversation(&tenant).await?;
    stage.meta.settle(PATIENCE).await?;
    let second = stage
        .meta
        .phone_writes(PHONE, tenant.phone_number_id(), "Still there?")
        .await?;
    let messages = messages_once(&tenant, conversation.id, 2).await?;
    let [first, last] = messages.as_slice() else {
        anyhow::bail!("two messages were written: {messages:?}");
    };
    ensure!(first.direction == Direction::Incoming && words(&first.content) == "Hóla 👋");
    ensure!(first.wamid.as_ref().is_some_and(|id| id.as_str() == wamid));
    ensure!(last.wamid.as_ref().is_some_and(|id| id.as_str() == second));
    ensure!(first.sequence < last.sequence, "out of order: {messages:?}");
    ensure!(conversation.number_id == tenant.number.id);
    ensure!(
        conversation.window_open_until.is_some(),
        "a message opens the service window"
    );

    let contact = tenant.client.contact(conversation.contact_id).await?;
    ensure!(
        contact.name == "Ana",
        "the contact is called {:?}",
        contact.name
    );
    ensure!(
        contact
            .identities
            .iter()
            .any(|identity| identity.value == PHONE),
        "{contact:?}"
    );
    let seen = stage.meta.message(&wamid).await?;
    ensure!(
        seen.get("status").and_then(Value::as_str) == Some("delivered"),
        "the phone shows {seen}"
    );
    Ok(())
}

/// The agent reads, types, answers; the answer reaches the phone once, and its ticks come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answering_with_an_agent() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let tenant = stage.echoing_tenant().await?;
    let wamid = stage
        .meta
        .phone_writes(PHONE, tenant.phone_number_id(), "Are you open?")
        .await?;

    let conversation = only_conversation(&tenant).await?;
    let messages = messages_once(&tenant, conversation.id, 2).await?;
    let answer = messages.get(1).context("an answer")?;
    ensure!(
        answer.direction == Direction::Outgoing && answer.agent_id == tenant.agent,
        "{answer:?}"
    );
    ensure!(
        words(&answer.content) == "You said: Are you open?",
        "the echo was {:?}",
        answer.content
    );
    let answer = message_once(&tenant, answer.id, "read").await?;

    let sent = stage.meta.sent_to(PHONE).await?;
    let [sent] = sent.as_slice() else {
        anyhow::bail!("one answer was to be sent: {sent:?}")
    };
    ensure!(
        sent.text == "You said: Are you open?" && sent.callback == answer.id.to_string(),
        "{sent:?}"
    );
    ensure!(answer.wamid.is_some_and(|id| id.as_str() == sent.wamid));
    let requests = stage.meta.model_requests().await?;
    ensure!(
        requests.len() == 1,
        "the model was asked {} times",
        requests.len()
    );
    ensure!(
        requests
            .iter()
            .any(|request| request.to_string().contains("Are you open?"))
    );
    until("the phone shows that it was read", PATIENCE, async || {
        let seen = stage.meta.message(&wamid).await?;
        Ok(seen.get("status").and_then(Value::as_str) == Some("read"))
    })
    .await
}

/// Every hop of a question and of its answer, with its time, as `switchboard why` tells it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_why() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let tenant = stage.echoing_tenant().await?;
    let wamid = stage
        .meta
        .phone_writes(PHONE, tenant.phone_number_id(), "Where is it?")
        .await?;
    let conversation = only_conversation(&tenant).await?;
    let messages = messages_once(&tenant, conversation.id, 2).await?;
    let answer = messages.get(1).context("an answer")?;
    message_once(&tenant, answer.id, "read").await?;

    let mut tx = stage.db.system(SystemReason::Operations).await?;
    let mut stories = tx.stories();
    let found = stories.find(None, &wamid).await?;
    let [question] = found.as_slice() else {
        anyhow::bail!("one message has this wamid: {found:?}")
    };
    ensure!(
        question.organization == tenant.organization && question.post.is_some(),
        "{question:?}"
    );
    let hops: Vec<&str> = question.hops.iter().map(|hop| hop.what.as_str()).collect();
    for wanted in [
        "contact sent it",
        "webhook accepted the post",
        "stored",
        "agent began",
    ] {
        ensure!(hops.contains(&wanted), "{wanted:?} is missing in {hops:?}");
    }
    ensure!(
        question.hops.is_sorted_by_key(|hop| hop.at),
        "{:?}",
        question.hops
    );
    ensure!(
        stories.answers(question).await? == [answer.id],
        "the answer is not found"
    );
    let told = stories.find(Some(answer.id.as_uuid()), "").await?;
    let told = told.first().context("the answer has a story")?;
    let hops: Vec<&str> = told.hops.iter().map(|hop| hop.what.as_str()).collect();
    for wanted in [
        "written",
        "Meta accepted it",
        "sent to the phone",
        "delivered",
        "read",
    ] {
        ensure!(hops.contains(&wanted), "{wanted:?} is missing in {hops:?}");
    }
    Ok(())
}
