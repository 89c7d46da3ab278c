//! Files of ours get to Meta before the messages that are sent with them.

use bytes::Bytes;
use chrono::TimeDelta;
use sb_db::dispatch::ConversationKey;
use sb_db::{NewMedia, SystemReason};
use sb_domain::content::{MediaKind, MessageContent};
use sb_domain::delivery::DeliveryState;
use sb_egress::Method;
use sb_ids::{MediaId, MessageId};
use sb_media::MediaStore;
use sb_testkit::{TestTenant, wait_until};
use serde_json::{Value, json};

use crate::world::{World, now};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and the rest of a picture";

/// A file of the tenant's.
async fn stored(world: &World, tenant: &TestTenant, mime_type: &str, bytes: &[u8]) -> MediaId {
    let store = MediaStore::open(&world.settings.media).unwrap();
    let bytes = Bytes::copy_from_slice(bytes);
    let object = store.put(tenant.organization, bytes).await.unwrap();
    let id = MediaId::new(now());
    let new = NewMedia {
        id,
        message: None,
        kind: MediaKind::Document,
        sha256: object.sha256,
        storage_key: object.key.to_string(),
        thumbnail_key: None,
        mime_type: mime_type.to_owned(),
        declared_mime_type: None,
        filename: "prices.pdf".to_owned(),
        size_bytes: i64::try_from(object.size_bytes).unwrap(),
    };
    let mut tx = world.db.tenant(tenant.organization).await.unwrap();
    tx.media().insert(&new, now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn queue(world: &World, talk: ConversationKey, content: Value) -> MessageId {
    let content: MessageContent = serde_json::from_value(content).unwrap();
    world
        .queue_with(talk, "", |new| new.content = content)
        .await
}

/// A request of Meta's API, with the number's token.
async fn graph(world: &World, method: Method, path: &str) -> Value {
    let url = format!("{}/v26.0{path}", world.meta.base_url());
    let request = world.egress().request(method, url).trusted();
    let request = request.bearer(world.settings.meta.system_user_access_token.expose());
    let answer = request.send("test.graph").await.unwrap();
    let bytes = answer.bytes_limited(1024 * 1024).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn image(id: MediaId) -> Value {
    json!({ "type": "media", "kind": "image", "media_id": id.to_string(), "caption": "c" })
}

#[tokio::test]
async fn a_file_is_uploaded_once_for_all_its_messages() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let file = stored(&world, &tenant, "image/png", PNG).await;
    let dispatcher = world.dispatcher().await;
    let first = queue(&world, talk, image(file)).await;
    world.until(talk, first, DeliveryState::Accepted).await;
    // Another process knows of the copy too.
    dispatcher.kill();
    let _dispatcher = world.dispatcher().await;
    let carousel = json!({ "type": "interactive", "body": "b", "action": { "type": "carousel", "cards": [
        { "type": "cta_url", "media": { "kind": "image", "media_id": file.to_string() },
          "display_text": "Open", "url": "https://a.example" },
        { "type": "cta_url", "media": { "kind": "image", "media_id": file.to_string() },
          "display_text": "Open", "url": "https://a.example" },
    ] } });
    let second = queue(&world, talk, carousel).await;
    world.until(talk, second, DeliveryState::Accepted).await;

    let sent = world.sent().await;
    let id = &sent[0]["body"]["image"]["id"];
    assert_eq!(sent[0]["body"]["image"]["caption"], json!("c"));
    let card = |n: usize| format!("/body/interactive/action/cards/{n}/header/image/id");
    assert_eq!(sent[1].pointer(&card(0)), Some(id));
    assert_eq!(sent[1].pointer(&card(1)), Some(id));
    let link = graph(&world, Method::GET, &format!("/{}", id.as_str().unwrap())).await;
    assert_eq!(link["mime_type"], json!("image/png"));
    assert_eq!(link["file_size"], json!(PNG.len()));
}

#[tokio::test]
async fn a_copy_that_meta_has_removed_is_uploaded_again() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let file = stored(&world, &tenant, "image/png", PNG).await;
    let _dispatcher = world.dispatcher().await;
    let first = queue(&world, talk, image(file)).await;
    world.until(talk, first, DeliveryState::Accepted).await;
    let id = world.sent().await[0]["body"]["image"]["id"].clone();
    let path = format!("/{}", id.as_str().unwrap());
    let removed = graph(&world, Method::DELETE, &path).await;
    assert_eq!(removed, json!({ "success": true }));

    let second = queue(&world, talk, image(file)).await;
    let message = world.until(talk, second, DeliveryState::Accepted).await;
    assert_eq!(message.attempts, 2);
    let sent = world.sent().await;
    assert_eq!(sent.len(), 2);
    assert_ne!(sent[1]["body"]["image"]["id"], id);
}

#[tokio::test]
async fn a_file_that_cannot_be_sent_fails_its_message_and_says_why() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let page = stored(&world, &tenant, "text/html", b"<p>").await;
    let _dispatcher = world.dispatcher().await;
    let cases = [
        (MediaId::new(now()), "image", "media.missing"),
        (page, "document", "media.unsupported"),
    ];
    for (file, kind, code) in cases {
        let content = json!({ "type": "media", "kind": kind, "media_id": file.to_string() });
        let id = queue(&world, talk, content).await;
        let message = world.until(talk, id, DeliveryState::Failed).await;
        assert_eq!(message.error_code.as_deref(), Some(code));
    }
    // What comes after them goes.
    let next = world.queue(talk, "next").await;
    world.until(talk, next, DeliveryState::Accepted).await;
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test]
async fn while_the_storage_is_away_a_message_waits_and_its_number_goes_on() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let other = world.talk(&tenant, "491700000002").await;
    let file = stored(&world, &tenant, "image/png", PNG).await;
    let root = std::path::PathBuf::from(&world.settings.media.root);
    let aside = root.with_extension("aside");
    let _dispatcher = world.dispatcher().await;
    std::fs::rename(&root, &aside).unwrap();
    // Somebody who is root may make folders anywhere, but not below a file.
    std::fs::write(&root, "away").unwrap();
    let waiting = queue(&world, talk, image(file)).await;
    let text = world.queue(other, "text").await;
    world.until(other, text, DeliveryState::Accepted).await;
    wait_until("the storage was tried", async || {
        world.message(talk, waiting).await.error_code.is_some()
    })
    .await;
    assert_eq!(world.state(talk, waiting).await, "queued");
    std::fs::remove_file(&root).unwrap();
    std::fs::rename(&aside, &root).unwrap();
    world.until(talk, waiting, DeliveryState::Accepted).await;
}

#[tokio::test]
async fn a_dispatcher_killed_while_uploading_leaves_the_message_queued() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let file = stored(&world, &tenant, "image/png", PNG).await;
    world.faults(json!({ "latency_ms": 60_000 })).await;
    let dispatcher = world.dispatcher().await;
    let id = queue(&world, talk, image(file)).await;
    wait_until("the file is on its way", async || {
        let mut tx = world.db.system(SystemReason::Dispatch).await.unwrap();
        let later = now() + TimeDelta::hours(1);
        // Only a row of which nothing has left would be put back.
        let found = tx.dispatch().requeue_unprepared(later, 10).await.unwrap();
        tx.rollback().await.unwrap();
        found == [talk]
    })
    .await;
    dispatcher.kill();
    world.faults(json!({})).await;
    let mut tx = world.db.system(SystemReason::Dispatch).await.unwrap();
    let later = now() + TimeDelta::hours(1);
    let deadline = later + TimeDelta::hours(1);
    let lost = tx
        .dispatch()
        .lose_stale(later, deadline, "x", 10)
        .await
        .unwrap();
    assert_eq!(lost, []);
    let found = tx.dispatch().requeue_unprepared(later, 10).await.unwrap();
    assert_eq!(found, [talk]);
    tx.commit().await.unwrap();
    assert_eq!(world.state(talk, id).await, "queued");
    assert_eq!(world.sent().await, Vec::<Value>::new());
}

#[tokio::test]
async fn any_sound_becomes_a_voice_note() {
    if !sb_testkit::has_ffmpeg() {
        return;
    }
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let file = stored(&world, &tenant, "audio/x-wav", &sb_testkit::wav()).await;
    let _dispatcher = world.dispatcher().await;
    let note =
        json!({ "type": "media", "kind": "audio", "voice": true, "media_id": file.to_string() });
    let id = queue(&world, talk, note).await;
    world.until(talk, id, DeliveryState::Accepted).await;
    let sent = world.sent().await;
    assert_eq!(sent[0]["body"]["audio"]["voice"], json!(true));
    let uploaded = sent[0]["body"]["audio"]["id"].as_str().unwrap();
    let link = graph(&world, Method::GET, &format!("/{uploaded}")).await;
    assert_eq!(link["mime_type"], json!("audio/ogg; codecs=opus"));
}
