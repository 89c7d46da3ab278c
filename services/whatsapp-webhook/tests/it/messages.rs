//! Messages become rows, conversations and events.

use crate::posts::{change, envelope, text};
use futures::StreamExt;
use sb_bus::TapStart;
use sb_events::public;
use serde_json::{Value, json};

use crate::world::{CONTACT, NUMBER, World};

#[tokio::test]
async fn an_accepted_post_becomes_a_message_in_a_conversation() {
    let world = World::new().await;
    world
        .deliver(&[text(CONTACT, "wamid.1", "Grüße 👋")], &[])
        .await;
    world.until_rows("messages", 1).await;
    let (content, state, sequence, name): (Value, String, i64, String) = sqlx::query_as(
        "SELECT m.content, m.state, m.sequence, c.name FROM messages m
         JOIN contacts c ON c.organization_id = m.organization_id AND c.id = m.contact_id",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(content, json!({ "type": "text", "body": "Grüße 👋" }));
    assert_eq!((state.as_str(), sequence), ("received", 1));
    assert_eq!(name, format!("Contact {CONTACT}"));
    let kinds: Vec<String> =
        sqlx::query_scalar("SELECT kind FROM contact_identities ORDER BY kind")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    assert_eq!(kinds, ["bsuid", "phone"]);
}

#[tokio::test]
async fn a_stored_message_is_announced() {
    let world = World::new().await;
    let mut tap = world
        .servers
        .bus()
        .await
        .tap(world.tenant.organization, TapStart::New)
        .await
        .unwrap();
    world
        .deliver(&[text(CONTACT, "wamid.1", "hello")], &[])
        .await;
    let (_, item) = tap.next().await.unwrap();
    let event = public::from_item(&item).unwrap();
    assert_eq!(event.kind, "message.received");
    assert_eq!(event.sequence, Some(1));
    assert_eq!(event.data["content"]["body"], "hello");
    assert_eq!(event.data["wamid"], "wamid.1");
}

#[tokio::test]
async fn messages_of_a_batch_keep_their_order() {
    let world = World::new().await;
    let messages: Vec<Value> = (0..50)
        .map(|n| text(CONTACT, &format!("wamid.{n:02}"), &n.to_string()))
        .collect();
    world.deliver(&messages, &[]).await;
    world.until_rows("messages", 50).await;
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT content->>'body' FROM messages ORDER BY sequence")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    assert_eq!(bodies, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_person_without_a_phone_number_is_known_by_the_bsuid() {
    let world = World::new().await;
    let mut message = text(CONTACT, "wamid.1", "hello");
    message.as_object_mut().unwrap().remove("from");
    world.deliver(&[message], &[]).await;
    world
        .deliver(&[text(CONTACT, "wamid.2", "now with my number")], &[])
        .await;
    world.until_rows("messages", 2).await;
    assert_eq!(world.count("contacts").await, 1);
    assert_eq!(world.count("conversations").await, 1);
    assert_eq!(world.count("contact_identities").await, 2);
}

#[tokio::test]
async fn a_changed_profile_name_is_taken_over_unless_the_tenant_chose_one() {
    let world = World::new().await;
    world.deliver(&[text(CONTACT, "wamid.1", "a")], &[]).await;
    world.until_rows("messages", 1).await;
    let mut renamed = change(NUMBER, &[text(CONTACT, "wamid.2", "b")], &[]);
    renamed["value"]["contacts"][0]["profile"]["name"] = "New".into();
    world.deliver_body(&envelope(&[renamed.clone()])).await;
    world.until_rows("messages", 2).await;
    let name = async || -> String {
        sqlx::query_scalar("SELECT name FROM contacts")
            .fetch_one(&world.pool)
            .await
            .unwrap()
    };
    assert_eq!(name().await, "New");
    sqlx::query("UPDATE contacts SET name = 'Chosen'")
        .execute(&world.pool)
        .await
        .unwrap();
    renamed["value"]["contacts"][0]["profile"]["name"] = "Newer".into();
    renamed["value"]["messages"][0]["id"] = "wamid.3".into();
    world.deliver_body(&envelope(&[renamed])).await;
    world.until_rows("messages", 3).await;
    assert_eq!(name().await, "Chosen");
}

#[tokio::test]
async fn an_unknown_type_is_kept_as_it_came() {
    let world = World::new().await;
    let mut message = text(CONTACT, "wamid.1", "");
    message["type"] = "hologram".into();
    message["hologram"] = json!({ "depth": 3 });
    world.deliver(&[message.clone()], &[]).await;
    world.until_rows("messages", 1).await;
    let (kind, raw): (String, Value) =
        sqlx::query_as("SELECT content->>'meta_type', content->'raw' FROM messages")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(kind, "hologram");
    assert_eq!(raw, message);
}

#[tokio::test]
async fn an_update_of_another_field_is_kept_for_the_tenant_of_the_account() {
    let world = World::new().await;
    let value = json!({ "event": "APPROVED", "message_template_id": 12 });
    let change = json!({ "field": "message_template_status_update", "value": value });
    world.deliver_body(&envelope(&[change])).await;
    world.until_rows("raw_updates", 1).await;
    let (field, payload): (String, Value) =
        sqlx::query_as("SELECT field, payload FROM raw_updates")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(field, "message_template_status_update");
    assert_eq!(payload, value);
}

#[tokio::test]
async fn the_receiving_half_alone_answers_and_the_other_half_catches_up() {
    let world = World::with(|settings| {
        settings.webhook.role = sb_config::WebhookRole::Receive;
    })
    .await;
    world.deliver(&[text(CONTACT, "wamid.1", "a")], &[]).await;
    assert_eq!(world.count("messages").await, 0);
    let mut settings = world.settings.clone();
    settings.webhook.role = sb_config::WebhookRole::Ingest;
    let app = whatsapp_webhook::App::build(&settings, &sb_service::Health::new())
        .await
        .unwrap();
    assert_eq!(app.http_addr(), None);
    let lifecycle = sb_service::Lifecycle::new(std::time::Duration::from_secs(5));
    let inner = lifecycle.clone();
    lifecycle.spawn_detached_ok("ingest", async move { app.run(inner).await });
    world.until_rows("messages", 1).await;
    lifecycle.shutdown();
}
