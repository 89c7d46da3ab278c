//! Files become text, and numbers are what Meta says they are.

use anyhow::{Context, ensure};
use e2e::{EventFollower, InProcess, event_text, until_some};
use sb_client::Upload;
use sb_egress::Method;
use serde_json::json;

use crate::looking::PATIENCE;

/// A table is uploaded; the annotator reads it; whoever follows the events is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn annotating_a_document() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let tenant = stage.echoing_tenant().await?;
    let follower = EventFollower::start(&tenant.client);
    let upload = Upload {
        filename: "prices.csv".to_owned(),
        mime_type: "text/csv".to_owned(),
        bytes: b"flower,price\ntulip,2.50\nrose,4.00\n".to_vec(),
    };
    let stored = tenant.client.upload_media(upload).await?;
    ensure!(
        stored.filename == "prices.csv" && stored.size_bytes == Some(34),
        "{stored:?}"
    );

    let media = until_some("the file was read", PATIENCE, async || {
        let media = tenant.client.media(stored.id).await?;
        Ok((!media.annotations.is_empty()).then_some(media))
    })
    .await?;
    ensure!(
        media.annotations.iter().all(|made| made.state == "done"),
        "{media:?}"
    );
    ensure!(
        media
            .annotations
            .iter()
            .any(|made| made.text.contains("tulip")),
        "{media:?}"
    );
    let id = stored.id.to_string();
    let events = follower
        .until("the annotation is announced", PATIENCE, |events| {
            events
                .iter()
                .any(|placed| placed.event.kind == "message.annotated")
        })
        .await?;
    for kind in ["media.stored", "message.annotated"] {
        let told = events.iter().find(|placed| placed.event.kind == kind);
        let told = told.with_context(|| format!("{kind} did not come"))?;
        ensure!(event_text(told, "/media_id") == id, "{told:?}");
    }
    Ok(())
}

/// Meta gave the number another name and a worse rating; the manager asks, the tenant sees it and is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshing_a_number() -> anyhow::Result<()> {
    let stage = InProcess::start().await?;
    let tenant = stage.echoing_tenant().await?;
    let follower = EventFollower::start(&tenant.client);
    let number = tenant.phone_number_id();
    let fields = json!({ "verified_name": "Flowers of Lima", "quality_rating": "YELLOW" });
    stage.meta.put_number(number, &fields).await?;

    let (organization, id) = (tenant.organization, tenant.number.id);
    let url = format!(
        "{}/v1/organizations/{organization}/numbers/{id}/refresh",
        stage.manager_url()
    );
    let refresh = || stage.http.request(Method::POST, &url);
    let anonymous = stage
        .http
        .send("POST refresh without the internal key", refresh())
        .await?;
    ensure!(
        anonymous.status == 401,
        "anybody may refresh: {anonymous:?}"
    );
    let request = refresh().bearer(stage.settings.manager.internal_key.expose());
    stage
        .http
        .send("POST refresh", request)
        .await?
        .expect(200)?;

    let seen = tenant.client.number(id).await?;
    ensure!(
        seen.verified_name == "Flowers of Lima" && seen.quality_rating == "YELLOW",
        "{seen:?}"
    );
    ensure!(
        seen.profile_refreshed_at.is_some() && seen.status == "CONNECTED",
        "{seen:?}"
    );
    let is_told = |placed: &sb_client::PlacedEvent| placed.event.kind == "number.changed";
    follower
        .until("the change is announced", PATIENCE, |events| {
            events.iter().any(is_told)
        })
        .await?;
    Ok(())
}
