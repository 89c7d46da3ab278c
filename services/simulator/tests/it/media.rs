//! Upload, expiring links, download, deletion, media of phones.

use chrono::{TimeDelta, TimeZone as _, Utc};
use sb_domain::Clock;
use sb_egress::{Method, multipart};
use serde_json::{Value, json};

use crate::harness::Stage;

/// The smallest PNG there is.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR";

async fn upload(stage: &Stage, mime: &str, bytes: &'static [u8]) -> (u16, Value) {
    let file = multipart::Part::bytes(bytes)
        .file_name("dot.png")
        .mime_str(mime)
        .unwrap();
    let form = multipart::Form::new()
        .text("messaging_product", "whatsapp")
        .text("type", mime.to_owned())
        .part("file", file);
    let answer = stage
        .egress
        .post(format!("{}/v26.0/{}/media", stage.base, stage.number()))
        .bearer(&stage.settings.simulator.access_token)
        .multipart(form)
        .trusted()
        .send("test")
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.json_limited(65_536).await.unwrap())
}

async fn download(stage: &Stage, url: &str, token: &str) -> (u16, Vec<u8>) {
    let answer = stage
        .egress
        .get(url)
        .bearer(token)
        .trusted()
        .send("test")
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.bytes_limited(65_536).await.unwrap().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn link_needs_the_token_and_expires_after_five_minutes() {
    let clock = Clock::fake(Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap());
    let stage = Stage::with_clock(clock.clone()).await;
    let (status, answer) = upload(&stage, "image/png", PNG).await;
    assert_eq!(status, 200, "{answer}");
    let id = answer["id"].as_str().unwrap();
    let (_, media) = stage.graph(Method::GET, &format!("/{id}"), None).await;
    assert_eq!(media["mime_type"], "image/png");
    assert_eq!(media["file_size"], PNG.len());
    let url = media["url"].as_str().unwrap();
    let token = stage.settings.simulator.access_token.clone();
    assert_eq!(download(&stage, url, &token).await, (200, PNG.to_vec()));
    assert_eq!(download(&stage, url, "wrong").await.0, 404);
    assert_eq!(download(&stage, &format!("{url}0"), &token).await.0, 404);
    clock.advance(TimeDelta::seconds(301));
    assert_eq!(download(&stage, url, &token).await.0, 404);
    let (_, fresh) = stage.graph(Method::GET, &format!("/{id}"), None).await;
    let fresh = fresh["url"].as_str().unwrap();
    assert_eq!(download(&stage, fresh, &token).await.0, 200);
    let (status, _) = stage.graph(Method::DELETE, &format!("/{id}"), None).await;
    assert_eq!(status, 200);
    assert_eq!(
        stage.graph(Method::GET, &format!("/{id}"), None).await.0,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_files_are_refused_and_wrong_kinds_fail_later() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    let (status, answer) = upload(&stage, "text/html", b"<p>").await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(100)));
    let (_, answer) = upload(&stage, "image/png", PNG).await;
    let id = &answer["id"];
    let send = |kind: &str, id: &Value| {
        json!({"messaging_product": "whatsapp", "to": "16505551234", "type": kind,
            kind: {"id": id}})
    };
    assert_eq!(stage.send(send("image", id)).await.0, 200);
    let unknown = stage.send(send("image", &json!("12"))).await;
    assert_eq!(unknown.1["error"]["code"], 131_009);
    assert_eq!(stage.send(send("video", id)).await.0, 200);
    stage.settle().await;
    let failed: Vec<_> = receiver
        .elements("statuses")
        .into_iter()
        .filter(|status| status["status"] == "failed")
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["errors"][0]["code"], 131_053);
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_file_can_be_fetched_from_the_webhooks_link() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    let message = json!({"type": "document", "document": {"data": "aGVsbG8=",
        "mime_type": "text/plain", "filename": "note.txt", "caption": "read this"}});
    stage.handle.phone_sends("16505551234", message).unwrap();
    stage.settle().await;
    let document = receiver.elements("messages")[0]["document"].clone();
    assert_eq!(document["filename"], "note.txt");
    assert_eq!(document["caption"], "read this");
    assert_eq!(
        document["sha256"],
        "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    );
    let token = stage.settings.simulator.access_token.clone();
    let url = document["url"].as_str().unwrap();
    assert_eq!(
        download(&stage, url, &token).await,
        (200, b"hello".to_vec())
    );
    let id = document["id"].as_str().unwrap();
    let (_, media) = stage.graph(Method::GET, &format!("/{id}"), None).await;
    assert_eq!(media["mime_type"], "text/plain");
}
