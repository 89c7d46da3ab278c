//! Every kind of message is taken by a Meta that looks closely.

use chrono::TimeDelta;
use sb_db::dispatch::ConversationKey;
use sb_db::{ConversationChange, NewOutgoing};
use sb_domain::content::{MessageContent, TemplatePart};
use sb_domain::delivery::DeliveryState;
use sb_egress::Method;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::world::{World, now};

/// Every kind without anything to tap.
fn plain_kinds() -> Vec<Value> {
    let file = |kind: &str, ending: &str| json!({ "type": "media", "kind": kind, "link": format!("https://a.example/b.{ending}") });
    let titled = |mut content: Value, more: Value| {
        let fields = more.as_object().unwrap().clone();
        content.as_object_mut().unwrap().extend(fields);
        content
    };
    vec![
        json!({ "type": "text", "body": "https://a.example", "preview_url": true }),
        json!({ "type": "text", "body": "Your order left.", "utility": true }),
        titled(file("image", "png"), json!({ "caption": "c" })),
        titled(file("video", "mp4"), json!({ "caption": "c" })),
        file("audio", "mp3"),
        titled(file("audio", "ogg"), json!({ "voice": true })),
        titled(
            file("document", "pdf"),
            json!({ "caption": "c", "filename": "b.pdf" }),
        ),
        file("sticker", "webp"),
        json!({ "type": "location", "latitude": 52.5, "longitude": 13.4, "name": "n", "address": "a" }),
        json!({ "type": "contacts", "contacts": [{
            "name": { "formatted_name": "Ana B", "first_name": "Ana" },
            "phones": [{ "phone": "+15550001", "type": "WORK" }] }] }),
        json!({ "type": "template", "name": "any", "language": "en", "components": [
            { "type": "body", "parameters": [{ "type": "text", "text": "Ana" }] },
            { "type": "button", "sub_type": "quick_reply", "index": "0",
              "parameters": [{ "type": "payload", "payload": "p" }] },
        ] }),
        json!({ "type": "template", "name": "any", "language": "en",
            "marketing": { "product_policy": "cloud_api_fallback" } }),
    ]
}

/// Every kind with something to tap, each with all that may surround it.
fn interactive_kinds() -> Vec<Value> {
    let image = json!({ "type": "media", "kind": "image", "link": "https://a.example/b.png" });
    let title = json!({ "type": "text", "text": "Roses" });
    let headed = |header: &Value, action: Value| {
        json!({ "type": "interactive", "header": header, "body": "Choose", "footer": "Flowers Ltd",
            "action": action })
    };
    let footed = |action: Value| json!({ "type": "interactive", "body": "Choose", "footer": "Flowers Ltd", "action": action });
    let bare = |action: Value| json!({ "type": "interactive", "body": "Choose", "action": action });
    let rows = json!([{ "title": "s", "rows": [{ "id": "1", "title": "t", "description": "d" }] }]);
    let products = json!([{ "title": "s", "product_retailer_ids": ["p", "q"] }]);
    let product = json!({ "type": "product", "catalog_id": "1", "product_retailer_id": "p" });
    let card = json!({ "type": "cta_url", "media": { "kind": "image", "link": "https://a.example/b.png" },
        "body": "Red", "display_text": "Open", "url": "https://a.example" });
    let buttons = json!([{ "id": "1", "title": "Yes" }, { "id": "2", "title": "No" }]);
    vec![
        headed(&image, json!({ "type": "buttons", "buttons": buttons })),
        headed(
            &title,
            json!({ "type": "list", "button": "Menu", "sections": rows }),
        ),
        headed(
            &title,
            json!({ "type": "cta_url", "display_text": "Open", "url": "https://a.example" }),
        ),
        headed(
            &title,
            json!({ "type": "flow", "flow_id": "1", "cta": "Book", "token": "t", "screen": "S",
            "data": { "a": 1 } }),
        ),
        headed(
            &title,
            json!({ "type": "product_list", "catalog_id": "1", "sections": products }),
        ),
        footed(product.clone()),
        footed(json!({ "type": "catalog", "thumbnail_product_retailer_id": "p" })),
        footed(json!({ "type": "address_request", "country": "IN" })),
        footed(json!({ "type": "voice_call", "display_text": "Call", "ttl_minutes": 60 })),
        footed(json!({ "type": "contact_info_request" })),
        bare(json!({ "type": "location_request" })),
        bare(json!({ "type": "call_permission_request" })),
        bare(json!({ "type": "carousel", "cards": [card, card] })),
        bare(json!({ "type": "carousel", "cards": [product, product] })),
    ]
}

async fn accepted(world: &World, talk: ConversationKey, content: &Value) {
    let content: MessageContent = serde_json::from_value(content.clone()).unwrap();
    let id = world
        .queue_with(talk, "", |new| new.content = content)
        .await;
    world.until(talk, id, DeliveryState::Accepted).await;
}

#[tokio::test]
async fn every_kind_is_accepted_in_its_order() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    world.faults(json!({ "lenient_templates": true })).await;
    let _dispatcher = world.dispatcher().await;
    let kinds: Vec<Value> = plain_kinds()
        .into_iter()
        .chain(interactive_kinds())
        .collect();
    for content in &kinds {
        accepted(&world, talk, content).await;
    }
    let sent = world.sent().await;
    assert_eq!(sent.len(), kinds.len());
    let wamid = sent[0]["id"].as_str().unwrap();
    let reaction = json!({ "type": "reaction", "message_id": wamid, "emoji": "👍" });
    accepted(&world, talk, &reaction).await;
    let answer = json!({ "type": "text", "body": "yes", "reply_to": wamid });
    accepted(&world, talk, &answer).await;
    let sent = world.sent().await;
    assert_eq!(
        sent[kinds.len() + 1]["body"]["context"]["message_id"],
        json!(wamid)
    );
}

/// Makes a conversation one with a group.
async fn of_group(world: &World, talk: ConversationKey, id: &str) {
    let pool = PgPool::connect(world.settings.database.url.as_str())
        .await
        .unwrap();
    let contact = "(SELECT contact_id FROM conversations WHERE id = $1)";
    for change in [
        format!("UPDATE contacts SET kind = 'group' WHERE id = {contact}"),
        format!(
            "UPDATE contact_identities SET kind = 'group', value = '{id}' WHERE contact_id = {contact}"
        ),
    ] {
        let change = sqlx::query(sqlx::AssertSqlSafe(change)).bind(talk.conversation.as_uuid());
        change.execute(&pool).await.unwrap();
    }
}

#[tokio::test]
async fn a_group_is_written_to_and_keeps_messages_at_the_top() {
    const GROUP: &str = "Y2FwaV9ncm91cDox";
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    of_group(&world, talk, GROUP).await;
    let _dispatcher = world.dispatcher().await;
    accepted(
        &world,
        talk,
        &json!({ "type": "text", "body": "hello all" }),
    )
    .await;
    let wamid = world.sent().await[0]["id"].clone();
    accepted(
        &world,
        talk,
        &json!({ "type": "pin", "message_id": wamid, "days": 7 }),
    )
    .await;
    accepted(
        &world,
        talk,
        &json!({ "type": "pin", "message_id": wamid, "unpin": true }),
    )
    .await;
    let sent = world.sent().await;
    assert_eq!(sent[0]["body"]["recipient_type"], json!("group"));
    assert_eq!(sent[1]["body"]["to"], json!(GROUP));
    assert_eq!(
        sent[1]["body"]["pin"],
        json!({ "type": "pin", "message_id": wamid, "expiration_days": 7 })
    );
}

#[tokio::test]
async fn a_utility_text_needs_no_open_window() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    world.faults(json!({ "enforce_window": "answer" })).await;
    let talk = world.silent_talk(&tenant, "491700000001").await;
    let _dispatcher = world.dispatcher().await;
    accepted(
        &world,
        talk,
        &json!({ "type": "text", "body": "Your order left.", "utility": true }),
    )
    .await;
    let sent = world.sent().await;
    assert_eq!(sent[0]["body"]["category"], json!("utility"));
}

#[tokio::test]
async fn a_template_of_another_category_is_no_marketing_message() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let template = json!({ "name": "receipt", "language": "en", "category": "UTILITY",
        "components": [{ "type": "BODY", "text": "Thanks." }] });
    let url = format!(
        "{}/v26.0/{}/message_templates",
        world.meta.base_url(),
        world.settings.simulator.waba_id
    );
    let request = world
        .egress()
        .request(Method::POST, url)
        .trusted()
        .json(&template);
    let request = request.bearer(world.settings.meta.system_user_access_token.expose());
    let made = request.send("test.template").await.unwrap();
    assert!(made.status().is_success());
    let _dispatcher = world.dispatcher().await;
    let content =
        json!({ "type": "template", "name": "receipt", "language": "en", "marketing": {} });
    let content: MessageContent = serde_json::from_value(content).unwrap();
    let id = world
        .queue_with(talk, "", |new| new.content = content)
        .await;
    let message = world.until(talk, id, DeliveryState::Failed).await;
    assert_eq!(message.error_code.as_deref(), Some("meta.131055"));
}

#[tokio::test]
async fn a_closed_window_lets_the_template_go_that_the_caller_chose() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    world
        .faults(json!({ "enforce_window": "answer", "lenient_templates": true }))
        .await;
    let talk = world.silent_talk(&tenant, "491700000001").await;
    let _dispatcher = world.dispatcher().await;
    let fallback: TemplatePart =
        serde_json::from_value(json!({ "name": "news", "language": "en" })).unwrap();
    let id = world
        .queue_with(talk, "hello", |new| new.fallback = Some(fallback))
        .await;
    let message = world.until(talk, id, DeliveryState::Accepted).await;
    assert!(message.used_fallback);
    let sent = world.sent().await;
    assert_eq!(sent[0]["body"]["template"]["name"], json!("news"));
}

#[tokio::test]
async fn what_an_agent_wrote_is_not_sent_after_a_person_took_over() {
    let world = World::start().await;
    let tenant = world.tenant("101").await;
    let talk = world.talk(&tenant, "491700000001").await;
    let by_agent = |new: &mut NewOutgoing| new.agent = Some(tenant.agent);
    let before = world.queue_with(talk, "before", by_agent).await;
    let mut tx = world.db.tenant(tenant.organization).await.unwrap();
    let pause = ConversationChange {
        agent_paused_until: Some(Some(now() + TimeDelta::hours(1))),
        ..ConversationChange::default()
    };
    let mut conversations = tx.conversations();
    let paused = conversations.update(talk.conversation, pause, now());
    paused.await.unwrap().unwrap();
    tx.commit().await.unwrap();
    // What it was asked to say when it handed over.
    let after = world.queue_with(talk, "after", by_agent).await;
    let person = world.queue(talk, "person").await;
    let _dispatcher = world.dispatcher().await;
    world.until(talk, person, DeliveryState::Accepted).await;
    let stopped = world.message(talk, before).await;
    assert_eq!(
        stopped.error_code.as_deref(),
        Some("conversation.agent_paused")
    );
    assert_eq!(world.state(talk, after).await, "accepted");
    assert_eq!(world.texts().await["491700000001"], ["after", "person"]);
}
