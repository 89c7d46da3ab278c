//! `pywa`, a WhatsApp client from `PyPI`: what it sends the simulator accepts, what we post it understands, and of the same
//! wish it makes the same request as we do.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::repository;
use sb_cloud_api::graph::{Recipient, SendBody};
use sb_config::Settings;
use sb_ids::WaId;
use sb_service::{Health, Lifecycle};
use serde_json::{Map, Value, json};

use crate::environments::{self, PATIENCE, run};

/// What a script of `tests/pywa` prints about a simulator of its own; `None` where there is no Python.
async fn said(script: &str) -> anyhow::Result<Option<String>> {
    let folder = repository().join("tests/pywa");
    let Some(python) = environments::python("pywa", &folder).await? else {
        return Ok(None);
    };
    let mut settings = Settings::default();
    "127.0.0.1:0".clone_into(&mut settings.simulator.bind);
    let lifecycle = Lifecycle::new(Duration::from_secs(5));
    let simulator = simulator::App::build(&settings, &Health::new())?;
    let url = format!("http://{}", simulator.http_addr());
    lifecycle.spawn("simulator", simulator.run(lifecycle.child("simulator")));

    let script = folder.join(script);
    let arguments = [script.as_os_str(), "--base-url".as_ref(), url.as_ref()];
    let ended = tokio::time::timeout(PATIENCE, run(&python, &arguments)).await;
    lifecycle.shutdown();
    lifecycle.drained().await?;
    let output = ended.context("the script does not end")??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "pywa does not get on with the simulator:\n{said}\n{complaints}"
    );
    Ok(Some(said))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pywa_sends_to_the_simulator_and_understands_its_webhooks() -> anyhow::Result<()> {
    let Some(said) = said("conformance.py").await? else {
        return Ok(());
    };
    ensure!(
        said.lines().any(|line| line.starts_with("ok ")),
        "no verdict in {said}"
    );
    Ok(())
}

/// The wishes of `bodies.py`, as our API takes them.
fn wishes() -> Map<String, Value> {
    const LINK: &str = "https://example.com/a";
    let media = |kind: &str| json!({ "type": "media", "kind": kind, "link": LINK });
    let with = |mut content: Value, more: Value| {
        if let (Some(content), Some(more)) = (content.as_object_mut(), more.as_object()) {
            content.extend(more.clone());
        }
        content
    };
    let interactive = |body: &str, action: Value| json!({ "type": "interactive", "body": body, "action": action });
    let card = |n: u32| {
        json!({ "type": "cta_url", "media": { "kind": "image", "link": LINK },
        "body": format!("Card {n}"), "display_text": "Open", "url": LINK })
    };
    let wishes = json!({
        "text": { "type": "text", "body": "Look", "preview_url": true },
        "buttons": with(
            interactive("Pick", json!({ "type": "buttons",
                "buttons": [{ "id": "y", "title": "Yes" }, { "id": "n", "title": "No" }] })),
            json!({ "header": { "type": "text", "text": "Head" }, "footer": "Foot" })),
        "image buttons": with(
            interactive("Which?", json!({ "type": "buttons", "buttons": [{ "id": "this", "title": "This" }] })),
            json!({ "header": media("image") })),
        "list": interactive("Pick", json!({ "type": "list", "button": "Menu", "sections": [
            { "title": "A", "rows": [{ "id": "row", "title": "Row", "description": "About it" }] }] })),
        "url": interactive("Look", json!({ "type": "cta_url", "display_text": "Open", "url": LINK })),
        "voice call": interactive("Call", json!({ "type": "voice_call", "display_text": "Call us", "ttl_minutes": 10 })),
        "call permission": interactive("May we call?", json!({ "type": "call_permission_request" })),
        "flow": interactive("Form", json!({ "type": "flow", "flow_id": "123", "cta": "Start", "token": "tok",
            "screen": "START", "data": { "a": 1 } })),
        "image": with(media("image"), json!({ "caption": "A dot" })),
        "video": with(media("video"), json!({ "caption": "Film" })),
        "document": with(media("document"), json!({ "caption": "Read", "filename": "p.pdf" })),
        "audio": media("audio"),
        "voice": with(media("audio"), json!({ "voice": true })),
        "sticker": media("sticker"),
        "location": { "type": "location", "latitude": 37.5, "longitude": -122.25, "name": "HQ", "address": "Way 1" },
        "location request": interactive("Where are you?", json!({ "type": "location_request" })),
        "contact info request": interactive("Who are you?", json!({ "type": "contact_info_request" })),
        "contacts": { "type": "contacts", "contacts": [{
            "name": { "formatted_name": "Ana Souza", "first_name": "Ana" },
            "phones": [{ "phone": "+16505550001", "type": "WORK" }] }] },
        "catalog": interactive("All", json!({ "type": "catalog", "thumbnail_product_retailer_id": "SKU1" })),
        "product": interactive("This one", json!({ "type": "product", "catalog_id": "1", "product_retailer_id": "SKU1" })),
        "products": with(
            interactive("Of these", json!({ "type": "product_list", "catalog_id": "1",
                "sections": [{ "title": "A", "product_retailer_ids": ["SKU1", "SKU2"] }] })),
            json!({ "header": { "type": "text", "text": "Some" } })),
        "carousel": interactive("Cards", json!({ "type": "carousel", "cards": [card(0), card(1)] })),
    });
    wishes.as_object().cloned().unwrap_or_default()
}

/// Without what says the same when it is left out: nulls, empty lists, and defaults of Meta's.
fn bare(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, value)| {
                let is_default = matches!(
                    (key.as_str(), value),
                    ("mode", Value::String(mode)) if mode == "published"
                );
                let is_empty = value.as_array().is_some_and(Vec::is_empty);
                !(value.is_null() || is_empty || is_default)
            });
            kept.map(|(key, value)| (key.clone(), bare(value)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.iter().map(bare).collect::<Vec<_>>().into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_requests_are_those_that_pywa_makes_of_the_same_wish() -> anyhow::Result<()> {
    let Some(said) = said("bodies.py").await? else {
        return Ok(());
    };
    let theirs: Map<String, Value> = serde_json::from_str(&said).context("reading the bodies")?;
    let recipient = Recipient::WaId(WaId::parse("16505551234")?);
    let wishes = wishes();
    ensure!(
        wishes.len() == theirs.len(),
        "the two lists of kinds differ"
    );
    let mut differences = Vec::new();
    for (kind, wish) in wishes {
        let content = serde_json::from_value(wish).with_context(|| kind.clone())?;
        let body = SendBody::new(&recipient, &content, "").with_context(|| kind.clone())?;
        let part = |body: &Value| {
            let name = body.get("type").and_then(Value::as_str).unwrap_or_default();
            bare(body.get(name).unwrap_or(&Value::Null))
        };
        let (ours, their) = (body.as_value(), theirs.get(&kind).unwrap_or(&Value::Null));
        if ours.get("type") != their.get("type") || part(ours) != part(their) {
            differences.push(format!("{kind}:\n  ours  {ours}\n  pywas {their}"));
        }
    }
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}
