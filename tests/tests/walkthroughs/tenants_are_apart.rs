//! Two tenants on one installation: what one does, the other cannot see, change or infer.

use anyhow::ensure;
use e2e::{Account, EventFollower, InProcess, Onboarding, Tenant};
use sb_client::{PageOptions, Upload};
use serde_json::{Value, json};

use crate::looking::{PATIENCE, message_once, messages_once, only_conversation, words};

const PHONE: &str = "491511234567";
const INTRUSION: &str = "I was here";

/// The same person writes to both; each sees a conversation of its own and nothing of the other's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_tenant_does_is_invisible_to_the_other() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let flowers = stage
        .tenant(&Onboarding::echoing("Flowers", Account::FIRST))
        .await?;
    let bicycles = stage
        .tenant(&Onboarding::echoing("Bicycles", Account::SECOND))
        .await?;
    let both = [(&flowers, "tulips"), (&bicycles, "a bell")];
    let followers = both.map(|(tenant, _)| EventFollower::start(&tenant.client));
    for (tenant, wish) in both {
        stage
            .meta
            .phone_writes(PHONE, tenant.phone_number_id(), wish)
            .await?;
    }
    for ((tenant, wish), follower) in both.into_iter().zip(&followers) {
        let conversation = only_conversation(tenant).await?;
        let messages = messages_once(tenant, conversation.id, 2).await?;
        let said: Vec<&str> = messages
            .iter()
            .map(|message| words(&message.content))
            .collect();
        ensure!(said == [wish, &format!("You said: {wish}")], "{said:?}");
        for answer in messages.iter().filter(|message| message.agent_id.is_some()) {
            message_once(tenant, answer.id, "read").await?;
        }
        let events = follower
            .until("the answer is read", PATIENCE, |events| {
                events
                    .iter()
                    .any(|p| p.event.data.get("status").and_then(Value::as_str) == Some("read"))
            })
            .await?;
        let strange = events
            .iter()
            .find(|placed| placed.event.organization_id != tenant.organization);
        ensure!(strange.is_none(), "an event of another tenant: {strange:?}");
    }
    Ok(())
}

/// To whoever asks for it, what belongs to another organization does not exist.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_another_organization_do_not_exist() -> anyhow::Result<()> {
    let (_stage, victim, curious) = victim_and_curious().await?;
    let ids = Ids::of(&victim).await?;
    let wanted = [
        ("messages", &ids.message, "message.not_found"),
        ("conversations", &ids.conversation, "conversation.not_found"),
        ("contacts", &ids.contact, "contact.not_found"),
        ("numbers", &ids.number, "number.not_found"),
        ("agents", &ids.agent, "agent.not_found"),
        ("media", &ids.media, "media.not_found"),
    ];
    for (noun, id, code) in wanted {
        let path = format!("/v1/{noun}/{id}");
        let told = curious.api.get(&path).await?.problem(404)?;
        ensure!(told == code, "{path} answers {told}");
        victim.api.get(&path).await?.expect(200)?;
    }
    let path = format!("/v1/conversations/{}/messages", ids.conversation);
    curious.api.get(&path).await?.problem(404)?;
    for list in ["/v1/conversations", "/v1/contacts"] {
        let shown = curious.api.get(list).await?.expect(200)?;
        ensure!(
            shown.get("data") == Some(&json!([])),
            "{list} shows {shown}"
        );
    }
    Ok(())
}

/// Nor can anything be done with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_another_organization_cannot_be_used() -> anyhow::Result<()> {
    let (stage, victim, curious) = victim_and_curious().await?;
    let (api, ids) = (&curious.api, Ids::of(&victim).await?);
    let text = json!({ "type": "text", "body": INTRUSION });
    let sends = [
        (
            json!({ "conversation_id": ids.conversation, "content": text }),
            404,
        ),
        (
            json!({ "to": PHONE, "from": ids.number, "content": text }),
            422,
        ),
    ];
    for (body, status) in sends {
        api.post("/v1/messages", &body).await?.problem(status)?;
    }
    let changes = [
        (
            format!("conversations/{}", ids.conversation),
            json!({ "archived": true }),
            404,
        ),
        (
            format!("contacts/{}", ids.contact),
            json!({ "name": "x" }),
            404,
        ),
        (
            format!("numbers/{}", ids.number),
            json!({ "rate_per_second": 1 }),
            404,
        ),
        (format!("agents/{}", ids.agent), json!({ "name": "x" }), 404),
        (
            "organization".to_owned(),
            json!({ "default_agent_id": ids.agent }),
            422,
        ),
    ];
    for (path, body, status) in &changes {
        let path = format!("/v1/{path}");
        api.patch(&path, body).await?.problem(*status)?;
    }
    let agent = format!("/v1/agents/{}", ids.agent);
    api.delete(&agent).await?.problem(404)?;
    let sent = stage.meta.sent_to(PHONE).await?;
    ensure!(sent.iter().all(|sent| sent.text != INTRUSION), "{sent:?}");
    Ok(())
}

/// Two tenants, one of which has something to hide.
async fn victim_and_curious() -> anyhow::Result<(InProcess, Tenant, Tenant)> {
    let stage = InProcess::start().await?;
    let victim = stage
        .tenant(&Onboarding::echoing("Flowers", Account::FIRST))
        .await?;
    let curious = stage
        .tenant(&Onboarding::echoing("Bicycles", Account::SECOND))
        .await?;
    stage
        .meta
        .phone_writes(PHONE, victim.phone_number_id(), "My secret")
        .await?;
    Ok((stage, victim, curious))
}

/// What the victim owns.
struct Ids {
    message: String,
    conversation: String,
    contact: String,
    number: String,
    agent: String,
    media: String,
}

impl Ids {
    async fn of(tenant: &Tenant) -> anyhow::Result<Self> {
        let conversation = only_conversation(tenant).await?;
        let messages = messages_once(tenant, conversation.id, 1).await?;
        let upload = Upload {
            filename: "diary.txt".to_owned(),
            mime_type: "text/plain".to_owned(),
            bytes: b"My secret".to_vec(),
        };
        let media = tenant.client.upload_media(upload).await?;
        let agents = tenant
            .client
            .list_agents(&PageOptions::default())
            .await?
            .data;
        let text = |id: Option<String>| id.unwrap_or_default();
        Ok(Self {
            message: text(messages.first().map(|message| message.id.to_string())),
            conversation: conversation.id.to_string(),
            contact: conversation.contact_id.to_string(),
            number: tenant.number.id.to_string(),
            agent: text(agents.first().map(|agent| agent.id.to_string())),
            media: media.id.to_string(),
        })
    }
}
