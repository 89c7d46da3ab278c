//! Queueing messages.

use chrono::TimeDelta;
use sb_client::{CreateNumber, SendMessage, Upload};
use sb_domain::Clock;
use sb_domain::content::MessageContent;
use sb_ids::{PhoneNumberId, WabaId};
use serde_json::json;
use sqlx::Row as _;

use crate::world::{CONTACT, World, template};

#[tokio::test]
async fn a_message_makes_contact_and_conversation_and_waits_in_the_queue() {
    let world = World::start().await;
    let client = world.client();
    let message = client
        .send_message(&SendMessage::new("+1 (555) 010-0077", template()), None)
        .await
        .unwrap();
    assert_eq!((message.status.as_str(), message.sequence), ("queued", 1));
    assert_eq!(message.number_id, world.tenant.number);
    let contact = client.contact(message.contact_id).await.unwrap();
    assert_eq!(contact.phone_e164.as_deref(), Some(CONTACT));
    let again = client
        .send_message(&SendMessage::new("15550100077", template()), None)
        .await
        .unwrap();
    assert_eq!(again.conversation_id, message.conversation_id);
    assert_eq!(again.sequence, 2);
    assert_eq!(client.message(message.id).await.unwrap(), message);
}

#[tokio::test]
async fn the_first_messages_to_somebody_at_once_make_one_contact() {
    let world = World::start().await;
    let client = world.client();
    let new = SendMessage::new("US.13491208655302741918", template());
    let sends = (0..8).map(|_| client.send_message(&new, None));
    let sent: Vec<_> = futures::future::join_all(sends)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let mut sequences: Vec<i64> = sent.iter().map(|message| message.sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(world.count("contacts").await, 1);
    assert_eq!(world.count("conversations").await, 1);
}

#[tokio::test]
async fn only_templates_are_taken_while_the_window_is_closed() {
    let world = World::start().await;
    let client = world.client();
    let error = client
        .send_message(&SendMessage::text(CONTACT, "hi"), None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("conversation.window_closed"));
    assert_eq!(world.count("messages").await, 0);

    let conversation = world.open_conversation().await;
    let text = SendMessage::into_conversation(conversation, MessageContent::text("hi"));
    client.send_message(&text, None).await.unwrap();
    let mut late = text.clone();
    late.send_at = Some(Clock::system().now() + TimeDelta::hours(25));
    let error = client.send_message(&late, None).await.unwrap_err();
    assert_eq!(
        error.code(),
        Some("conversation.window_closed"),
        "it closes before that"
    );

    let long_ago = Clock::system().now() - TimeDelta::hours(25);
    world.contact_writes(conversation, long_ago).await;
    let error = client.send_message(&text, None).await.unwrap_err();
    assert_eq!(error.code(), Some("conversation.window_closed"));
    let shown = client.conversation(conversation).await.unwrap();
    assert_eq!(shown.window_open_until, None);
}

#[tokio::test]
async fn a_message_may_be_planned_and_may_expire() {
    let world = World::start().await;
    let send_at = Clock::system().now() + TimeDelta::hours(1);
    let mut new = SendMessage::new(CONTACT, template());
    new.send_at = Some(send_at);
    new.ttl_seconds = Some(60);
    let message = world.client().send_message(&new, None).await.unwrap();
    let (planned, expires) = (message.send_at.unwrap(), message.expires_at.unwrap());
    assert_eq!(expires - planned, TimeDelta::seconds(60));
    let row = sqlx::query("SELECT next_attempt_at, api_key_id IS NOT NULL AS by_key FROM messages")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(
        row.get::<chrono::DateTime<chrono::Utc>, _>("next_attempt_at"),
        planned
    );
    assert!(row.get::<bool, _>("by_key"));
}

#[tokio::test]
async fn the_number_must_be_named_when_there_are_several_or_none() {
    let world = World::start().await;
    let client = world.client();
    let second = CreateNumber::new(
        PhoneNumberId::parse("7000000001").unwrap(),
        WabaId::parse("7000000002").unwrap(),
    );
    let second = client.create_number(&second, None).await.unwrap();
    let new = SendMessage::new(CONTACT, template());
    let error = client.send_message(&new, None).await.unwrap_err();
    assert_eq!(error.code(), Some("number.required"));
    for from in [second.id.to_string(), "7000000001".to_owned()] {
        let message = client
            .send_message(&new.clone().from(from), None)
            .await
            .unwrap();
        assert_eq!(message.number_id, second.id);
    }
    let empty = world.operator().create_organization("Empty").await.unwrap();
    let key = secrecy::ExposeSecret::expose_secret(&empty.api_key.key).to_owned();
    let error = world
        .client_with(&key)
        .send_message(&new, None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("number.required"));
}

#[tokio::test]
async fn a_pause_ends_the_turn_that_is_running() {
    let world = World::start().await;
    let conversation = world.open_conversation().await;
    sqlx::query(
        "INSERT INTO agent_turns (organization_id, conversation_id, id, state, epoch, message_id, seen_sequence,
             due_at, updated_at)
         VALUES ($1, $2, $2, 'running', 4, $2, 1, now(), now())",
    )
    .bind(world.tenant.organization.as_uuid())
    .bind(conversation.as_uuid())
    .execute(&world.pool)
    .await
    .unwrap();
    let change = sb_client::UpdateConversation {
        agent_paused_until: Some(Some(Clock::system().now() + TimeDelta::hours(1))),
        ..sb_client::UpdateConversation::default()
    };
    let changed = world
        .client()
        .update_conversation(conversation, &change)
        .await
        .unwrap();
    assert!(changed.agent_paused_until.is_some());
    let row = sqlx::query("SELECT state, epoch FROM agent_turns")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(row.get::<String, _>("state"), "done");
    assert_eq!(
        row.get::<i64, _>("epoch"),
        5,
        "an answer of before cannot commit"
    );
}

/// A conversation in which the contact wrote just now.
async fn open_window(world: &World) -> serde_json::Value {
    let sent = world
        .client()
        .send_message(&SendMessage::new(CONTACT, template()), None)
        .await
        .unwrap();
    sqlx::query("UPDATE conversations SET last_incoming_at = now() WHERE id = $1")
        .bind(sent.conversation_id.as_uuid())
        .execute(&world.pool)
        .await
        .unwrap();
    json!(sent.conversation_id)
}

#[tokio::test]
async fn a_long_text_becomes_several_messages_when_the_caller_allows_it() {
    let world = World::start().await;
    let conversation = open_window(&world).await;
    let body = format!("{}\n\n**end**", "word ".repeat(1_500));
    let mut wanted = json!({ "conversation_id": conversation, "markdown": true,
        "content": { "type": "text", "body": body } });
    let refused = world.post("/v1/messages", &wanted).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.body["errors"][0]["field"], json!("content.body"));
    assert_eq!(world.count("messages").await, 1);

    wanted["split"] = json!(true);
    let sent = world.post("/v1/messages", &wanted).await;
    assert_eq!(sent.status, 202);
    let following = sent.body["following"].as_array().unwrap().clone();
    assert_eq!(following.len(), 1);
    assert_eq!(sent.body["sequence"], json!(2));
    let path = format!("/v1/messages/{}", following[0].as_str().unwrap());
    let last = world.get(&path).await;
    assert_eq!(last.body["sequence"], json!(3));
    let words = last.body["content"]["body"].as_str().unwrap();
    assert!(words.ends_with("\n\n*end*"), "{words}");
}

#[tokio::test]
async fn a_file_that_meta_does_not_take_is_refused_before_it_is_queued() {
    let world = World::start().await;
    let conversation = open_window(&world).await;
    let upload = |mime_type: &str, bytes: &[u8]| Upload {
        filename: "menu.pdf".to_owned(),
        mime_type: mime_type.to_owned(),
        bytes: bytes.to_vec(),
    };
    let client = world.client();
    let pdf = client.upload_media(upload("application/pdf", b"%PDF-1.4 x"));
    let pdf = pdf.await.unwrap().id;
    let page = client.upload_media(upload("text/html", b"<p>hello</p>"));
    let page = page.await.unwrap().id;
    let of_file = |kind: &str, id: String| {
        json!({ "conversation_id": conversation,
        "content": { "type": "media", "kind": kind, "media_id": id } })
    };
    let nobodys = sb_ids::MediaId::new(Clock::system().now()).to_string();
    for (kind, id, said) in [
        ("document", page.to_string(), "is text/html"),
        ("image", pdf.to_string(), "is application/pdf"),
        ("image", nobodys, "is not one of your files"),
    ] {
        let refused = world.post("/v1/messages", &of_file(kind, id)).await;
        assert_eq!(refused.status, 422, "{said}");
        let error = &refused.body["errors"][0];
        assert_eq!(error["field"], json!("content.media_id"));
        assert!(error["detail"].as_str().unwrap().contains(said), "{error}");
    }
    assert_eq!(world.count("messages").await, 1);
    let sent = world
        .post("/v1/messages", &of_file("document", pdf.to_string()))
        .await;
    assert_eq!(sent.status, 202);
    // What the phone shows comes with the file.
    assert_eq!(sent.body["content"]["filename"], json!("menu.pdf"));
    assert_eq!(sent.body["content"]["mime_type"], json!("application/pdf"));
}

#[tokio::test]
async fn a_limit_of_metas_is_told_with_the_field_it_is_about() {
    let world = World::start().await;
    let conversation = open_window(&world).await;
    let button = |n: u32| json!({ "id": n.to_string(), "title": format!("Choice {n}") });
    let buttons: Vec<_> = (1..=4).map(button).collect();
    let mut wanted = json!({ "conversation_id": conversation, "content": {
        "type": "interactive", "body": "Which?", "action": { "type": "buttons", "buttons": buttons } } });
    let refused = world.post("/v1/messages", &wanted).await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.body["errors"][0]["field"],
        json!("content.action.buttons")
    );
    wanted["content"]["action"]["buttons"]
        .as_array_mut()
        .unwrap()
        .pop();
    let sent = world.post("/v1/messages", &wanted).await;
    assert_eq!(sent.status, 202);
    assert_eq!(sent.body["content"], wanted["content"]);
}
