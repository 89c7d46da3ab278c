//! A person shows a phone number here and a business-scoped id there, and is one contact in the end.

use anyhow::ensure;
use e2e::{Account, InProcess, Onboarding, Post, Tenant, envelope, until, until_some};
use sb_client::{Contact, PageOptions};
use sb_domain::Clock;
use serde_json::{Value, json};

use crate::looking::{PATIENCE, messages_once, only_conversation};

const PHONE: &str = "491511234567";
const BSUID: &str = "DE.13491208655302741918";

/// What somebody writes who shows these ids.
fn text(ids: &[(&str, &str)], wamid: &str) -> Value {
    let mut message = json!({
        "id": wamid,
        "timestamp": Clock::system().now().timestamp().to_string(),
        "type": "text",
        "text": { "body": wamid },
    });
    if let Some(message) = message.as_object_mut() {
        message.extend(
            ids.iter()
                .map(|(name, id)| ((*name).to_owned(), (*id).into())),
        );
    }
    message
}

struct Stage {
    all: InProcess,
    tenant: Tenant,
}

impl Stage {
    async fn start() -> anyhow::Result<Self> {
        let all = InProcess::start().await?;
        let plan = Onboarding::silent("Flowers", Account::FIRST);
        let tenant = all.tenant(&plan).await?;
        Ok(Self { all, tenant })
    }

    async fn receives(&self, message: Value) -> anyhow::Result<()> {
        let change = json!({ "field": "messages", "value": {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": "15550100001",
                "phone_number_id": self.tenant.phone_number_id(),
            },
            "messages": [message],
        }});
        let document = envelope(self.tenant.waba_id(), &[change]);
        let secret = &self.all.settings.simulator.app_secret;
        let post = Post::signed(secret, &document)?;
        post.to(&self.all.http, &self.all.webhook_url())
            .await?
            .expect(200)
            .map(drop)
    }

    /// Who is known by an id, once somebody is.
    async fn known_by(&self, id: &str) -> anyhow::Result<Contact> {
        let what = format!("somebody is known by {id}");
        until_some(&what, PATIENCE, async || {
            let page = PageOptions::default();
            let found = self.tenant.client.list_contacts(Some(id), &page).await?;
            Ok(found.data.into_iter().next())
        })
        .await
    }
}

/// Two contacts become one when a message shows both ids; the tenant sees why, and takes it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telling_who_is_who() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let client = &stage.tenant.client;
    stage.receives(text(&[("from", PHONE)], "wamid.1")).await?;
    let by_phone = stage.known_by(PHONE).await?;
    stage
        .receives(text(&[("from_user_id", BSUID)], "wamid.2"))
        .await?;
    let by_id = stage.known_by(BSUID).await?;
    ensure!(
        by_phone.id != by_id.id,
        "nothing shows yet that they are one"
    );

    let both = [("from", PHONE), ("from_user_id", BSUID)];
    stage.receives(text(&both, "wamid.3")).await?;
    until("they are one person", PATIENCE, async || {
        let merged = client.contact(by_id.id).await?.merged_into;
        Ok(merged == Some(by_phone.id))
    })
    .await?;
    let conversation = only_conversation(&stage.tenant).await?;
    ensure!(conversation.contact_id == by_phone.id);
    messages_once(&stage.tenant, conversation.id, 2).await?;
    let contact = client.contact(by_phone.id).await?;
    ensure!(
        contact
            .wa_id
            .as_ref()
            .is_some_and(|id| id.as_str() == PHONE)
            && contact
                .bsuid
                .as_ref()
                .is_some_and(|id| id.as_str() == BSUID),
        "{contact:?}"
    );
    let merges = client
        .contact_merges(by_phone.id, &PageOptions::default())
        .await?;
    let [merge] = merges.data.as_slice() else {
        anyhow::bail!("one merge: {merges:?}");
    };
    ensure!(merge.cause == "rule" && merge.merged_contact_id == by_id.id);

    let alone = client.unmerge_contact(by_id.id).await?;
    ensure!(alone.merged_into.is_none());
    ensure!(stage.known_by(BSUID).await?.id == by_id.id);
    ensure!(stage.known_by(PHONE).await?.id == by_phone.id);
    Ok(())
}
