//! Bad input gets a clear answer or a row in quarantine, and what comes beside it and after it is handled as ever.

use std::time::Duration;

use anyhow::ensure;
use e2e::{InProcess, Post, Tenant, change, envelope, text_message, until};
use sb_db::SystemReason;
use sb_domain::access::{Role, Scope};
use sb_domain::content::Part;
use sb_egress::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::looking::{PATIENCE, messages_once, only_conversation};

const PHONE: &str = "491511234567";
const WRONG_SECRET: &str = "not-the-secret-of-the-app";

struct Stage {
    all: InProcess,
    tenant: Tenant,
}

impl Stage {
    async fn start() -> anyhow::Result<Self> {
        let all = InProcess::start().await?;
        let tenant = all.echoing_tenant().await?;
        Ok(Self { all, tenant })
    }

    fn secret(&self) -> &str {
        &self.all.settings.simulator.app_secret
    }

    /// A good message to the tenant's number.
    fn message(&self) -> Value {
        let message = text_message(PHONE, "wamid.bad-input", "Let me in");
        envelope(
            self.tenant.waba_id(),
            &[change(self.tenant.phone_number_id(), &[message])],
        )
    }

    async fn post(&self, post: &Post) -> anyhow::Result<e2e::Answer> {
        post.to(&self.all.http, &self.all.webhook_url()).await
    }

    /// The tenant still gets its messages and its agent still answers; nothing else came through.
    async fn goes_on(&self) -> anyhow::Result<()> {
        let number = self.tenant.phone_number_id();
        self.all.meta.phone_writes(PHONE, number, "Hello").await?;
        let conversation = only_conversation(&self.tenant).await?;
        let messages = messages_once(&self.tenant, conversation.id, 2).await?;
        ensure!(
            messages.len() == 2,
            "something else came through: {messages:?}"
        );
        Ok(())
    }

    async fn until_quarantined(&self, reason: &str) -> anyhow::Result<()> {
        let what = format!("one update is in quarantine for {reason}");
        until(&what, PATIENCE, async || {
            let mut tx = self.all.db.system(SystemReason::Operations).await?;
            let reasons = tx.operations().quarantine_by_reason().await?;
            tx.rollback().await?;
            ensure!(
                reasons.keys().all(|found| found == reason),
                "quarantine holds {reasons:?}"
            );
            Ok(reasons.get(reason) == Some(&1))
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsigned_post_is_refused() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let post = Post::signed(stage.secret(), &stage.message())?.unsigned();
    let code = stage.post(&post).await?.problem(401)?;
    ensure!(code == "webhook.unsigned", "{code}");
    stage.goes_on().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrongly_signed_post_is_refused() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let post = Post::signed(WRONG_SECRET, &stage.message())?;
    let code = stage.post(&post).await?.problem(401)?;
    ensure!(code == "webhook.signature_invalid", "{code}");
    stage.goes_on().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_post_is_refused() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let too_large = vec![b' '; stage.all.settings.webhook.max_body_bytes + 1];
    let post = Post::signed_bytes(stage.secret(), too_large);
    let code = stage.post(&post).await?.problem(413)?;
    ensure!(code == "webhook.body_too_large", "{code}");
    stage.goes_on().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_post_ends_in_quarantine() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let mut body = serde_json::to_vec(&stage.message())?;
    body.truncate(body.len() / 2);
    // Durable and signed: Meta is told that we have it, and must not post it for ever.
    stage
        .post(&Post::signed_bytes(stage.secret(), body))
        .await?
        .expect(200)?;
    stage.until_quarantined("json.malformed").await?;
    stage.goes_on().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_an_unknown_number_ends_in_quarantine() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let lost = text_message(PHONE, "wamid.lost", "Anybody there?");
    let document = envelope(
        stage.tenant.waba_id(),
        &[change("999999999999999", &[lost])],
    );
    let post = Post::signed(stage.secret(), &document)?;
    stage.post(&post).await?.expect(200)?;
    stage.until_quarantined("number.unknown").await?;
    stage.goes_on().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_an_unknown_type_is_stored_as_it_came() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let message = json!({ "type": "hologram", "hologram": { "depth": 3 }, "from_the_future": [1] });
    stage.all.meta.phone_sends(PHONE, &message).await?;
    let conversation = only_conversation(&stage.tenant).await?;
    let messages = messages_once(&stage.tenant, conversation.id, 1).await?;
    let part = messages.first().map(|message| &message.content.part);
    let Some(Part::Raw { meta_type, raw }) = part else {
        anyhow::bail!("it is shown as {part:?}");
    };
    ensure!(
        meta_type == "hologram" && raw.pointer("/hologram/depth") == Some(&json!(3)),
        "{raw}"
    );
    ensure!(
        raw.pointer("/from_the_future/0") == Some(&json!(1)),
        "{raw}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_cannot_speak_for_an_account_of_another_app() -> anyhow::Result<()> {
    const OTHER_APP: &str = "900000000000002";
    const OTHER_SECRET: &str = "secret-of-the-other-app";
    let all = Box::pin(InProcess::with(|settings| {
        let meta = &mut settings.meta;
        meta.app_id = format!("{}|{OTHER_APP}", meta.app_id);
        meta.app_secret = format!("{}|{OTHER_SECRET}", meta.app_secret.expose())
            .as_str()
            .into();
    }))
    .await?;
    let tenant = all.echoing_tenant().await?;
    let stage = Stage { all, tenant };
    // Well signed by an app of ours, about an account that was bound to the other one.
    let post = Post::signed(OTHER_SECRET, &stage.message())?;
    stage.post(&post).await?.expect(200)?;
    stage.until_quarantined("app.not_bound").await?;
    stage.goes_on().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_has_expired_is_refused() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let soon = sb_domain::Clock::system().now() + Duration::from_secs(2);
    let key = sb_client::CreateApiKey {
        name: "for two seconds".to_owned(),
        role: Role::Member,
        scopes: vec![Scope::MessagesRead],
        expires_at: Some(soon),
    };
    let made = stage.tenant.client.create_api_key(&key).await?;
    let expiring = stage.all.gateway().with_key(made.key.expose_secret());
    until("the key has expired", PATIENCE, async || {
        let answer = expiring.get("/v1/conversations").await?;
        if answer.status == 200 {
            return Ok(false);
        }
        let code = answer.problem(401)?;
        ensure!(code == "auth.expired", "{code}");
        Ok(true)
    })
    .await?;
    stage
        .tenant
        .api
        .get("/v1/conversations")
        .await?
        .expect(200)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_the_wrong_content_type_is_refused() -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let message = json!({ "to": PHONE, "content": { "type": "text", "body": "Hi" } }).to_string();
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
    ] {
        let request = stage.tenant.api.request(Method::POST, "/v1/messages");
        let request = request
            .header("content-type", content_type)
            .body(message.clone());
        let answer = stage.tenant.api.send(content_type, request).await?;
        let code = answer.problem(415)?;
        ensure!(
            code == "request.unsupported_media_type",
            "{content_type}: {code}"
        );
    }
    let request = stage.tenant.api.request(Method::POST, "/v1/media");
    let request = request
        .header("content-type", "application/json")
        .body(message);
    stage
        .tenant
        .api
        .send("JSON for a form", request)
        .await?
        .problem(415)?;
    ensure!(
        stage.all.meta.sent().await?.is_empty(),
        "something was sent"
    );
    Ok(())
}
