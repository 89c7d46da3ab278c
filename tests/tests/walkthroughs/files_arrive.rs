//! Files that people send.

use anyhow::{Context, ensure};
use e2e::{EventFollower, InProcess, Tenant, event_text, until_some};
use sb_client::Media;
use sb_domain::content::Part;
use sb_egress::Method;
use sb_ids::MediaId;
use serde_json::{Value, json};

use crate::looking::{PATIENCE, messages, messages_once, only_conversation};

const PHONE: &str = "491511234567";
/// The smallest beginning of a picture, in base64.
const PHOTO: &str = "iVBORw0KGgoAAAANSUhEUg==";

/// The file of a message, once it is no longer waited for.
async fn settled(tenant: &Tenant, id: MediaId) -> anyhow::Result<Media> {
    until_some(
        "the file is here, or is not to be had",
        PATIENCE,
        async || {
            let media = tenant.client.media(id).await?;
            Ok((media.state != "pending").then_some(media))
        },
    )
    .await
}

fn media_id(part: &Part) -> anyhow::Result<MediaId> {
    let Part::Media(media) = part else {
        anyhow::bail!("the message has no file: {part:?}");
    };
    media.media_id.context("the message names no file of ours")
}

/// A person sends a photo and then a table: both are stored, the photo is looked at under a signed address, the table
/// is read. A photo that Meta has lost says so, and is had once Meta has found it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_arrives() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let tenant = stage.echoing_tenant().await?;
    let follower = EventFollower::start(&tenant.client);
    let photo = json!({ "type": "image", "image": { "data": PHOTO, "caption": "My roses" } });
    stage.meta.phone_sends(PHONE, &photo).await?;
    let conversation = only_conversation(&tenant).await?;
    let first = messages_once(&tenant, conversation.id, 1).await?;
    let first = first.first().context("a message")?;
    let photo = settled(&tenant, media_id(&first.content.part)?).await?;
    ensure!(
        photo.state == "stored" && photo.kind == "image",
        "{photo:?}"
    );
    ensure!(photo.message_id == Some(first.id), "{photo:?}");
    let links = photo.links.context("a stored file has addresses")?;
    let request = stage.gateway().request(Method::GET, &links.file);
    let seen = stage.gateway().send("GET the photo", request).await?;
    ensure!(
        seen.status == 200 && seen.content_type == photo.mime_type,
        "{seen:?}"
    );

    let table = json!({ "type": "document", "document": {
        "data": "Zmxvd2VyLHByaWNlCnR1bGlwLDIuNTAK", "mime_type": "text/csv", "filename": "prices.csv",
    } });
    let wamid = stage.meta.phone_sends(PHONE, &table).await?;
    until_some(
        "the table was read into its message",
        PATIENCE,
        async || {
            let found = messages(&tenant, conversation.id).await?;
            let found = found.into_iter().find(|message| {
                message
                    .wamid
                    .as_ref()
                    .is_some_and(|id| id.as_str() == wamid)
            });
            let artifacts = found.map(|message| message.content.artifacts);
            Ok(artifacts.filter(|made| made.iter().any(|made| made.text.contains("tulip"))))
        },
    )
    .await?;
    let id = photo.id.to_string();
    follower
        .until("the photo is announced", PATIENCE, |events| {
            events.iter().any(|placed| {
                placed.event.kind == "media.stored" && event_text(placed, "/media_id") == id
            })
        })
        .await?;
    lost_and_found(&stage, &tenant).await
}

async fn lost_and_found(stage: &InProcess, tenant: &Tenant) -> anyhow::Result<()> {
    let faults =
        |media: Value| json!({ "sent_ms": 0, "delivered_ms": 0, "read_ms": 0, "media": media });
    stage
        .meta
        .set_faults(&faults(json!({ "trouble": "gone" })))
        .await?;
    let photo = json!({ "type": "image", "image": { "data": PHOTO, "mime_type": "image/jpeg" } });
    let wamid = stage.meta.phone_sends(PHONE, &photo).await?;
    let conversation = only_conversation(tenant).await?;
    let lost = until_some("the third file is known", PATIENCE, async || {
        let found = messages(tenant, conversation.id).await?;
        let is_it = |id: &sb_ids::Wamid| id.as_str() == wamid;
        Ok(found
            .into_iter()
            .find(|message| message.wamid.as_ref().is_some_and(is_it)))
    })
    .await?;
    let id = media_id(&lost.content.part)?;
    let media = settled(tenant, id).await?;
    ensure!(
        media.state == "failed" && media.failure_code.as_deref() == Some("media.gone"),
        "{media:?}"
    );
    stage.meta.set_faults(&faults(Value::Null)).await?;
    tenant.client.retry_media(id).await?;
    let media = settled(tenant, id).await?;
    ensure!(media.state == "stored", "{media:?}");
    Ok(())
}
