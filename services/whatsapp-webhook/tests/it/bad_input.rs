//! Bad input gets a clear answer or a place in quarantine, and nothing else happens.

use crate::posts::{APP_ID, APP_SECRET, VERIFY_TOKEN};
use crate::posts::{change, envelope, sign, sign_bytes, text};
use sb_egress::StatusCode;
use serde_json::json;

use crate::world::{CONTACT, NUMBER, World, another_tenant};

#[tokio::test]
async fn the_handshake_repeats_the_challenge_to_whoever_knows_the_token() {
    let world = World::new().await;
    let ask = async |mode: &str, token: &str| {
        world
            .get(&[
                ("hub.mode", mode),
                ("hub.challenge", "42"),
                ("hub.verify_token", token),
            ])
            .await
    };
    assert_eq!(
        ask("subscribe", VERIFY_TOKEN).await,
        (StatusCode::OK, "42".to_owned())
    );
    assert_eq!(ask("subscribe", "wrong").await.0, StatusCode::FORBIDDEN);
    assert_eq!(
        ask("unsubscribe", VERIFY_TOKEN).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(world.get(&[]).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unsigned_or_wrongly_signed_post_is_refused() {
    let world = World::new().await;
    let (status, problem) = world.post_unsigned("{}").await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("webhook.unsigned"))
    );
    let body = envelope(&[change(NUMBER, &[text(CONTACT, "wamid.1", "a")], &[])]);
    let mut post = sign("another secret", &body);
    let (status, problem) = world.post(&post).await;
    let refused = (StatusCode::UNAUTHORIZED, Some("webhook.signature_invalid"));
    assert_eq!((status, problem["code"].as_str()), refused);
    post = sign(APP_SECRET, &body);
    post.body.push(b' ');
    assert_eq!(world.post(&post).await.0, StatusCode::UNAUTHORIZED);
    post.signature = "sha256=zz".to_owned();
    assert_eq!(world.post(&post).await.0, StatusCode::UNAUTHORIZED);
    world.settle().await;
    assert_eq!(world.count("messages").await, 0);
}

#[tokio::test]
async fn an_address_that_names_an_app_takes_that_apps_posts_only() {
    let world = World::new().await;
    let post = sign(
        APP_SECRET,
        &envelope(&[change(NUMBER, &[text(CONTACT, "wamid.1", "a")], &[])]),
    );
    assert_eq!(
        world
            .post_to(&format!("{}/{APP_ID}", world.url), &post)
            .await
            .0,
        StatusCode::OK
    );
    let url = format!("{}?app_id={APP_ID}", world.url);
    assert_eq!(world.post_to(&url, &post).await.0, StatusCode::OK);
    let (status, problem) = world.post_to(&format!("{}/123", world.url), &post).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (StatusCode::NOT_FOUND, Some("webhook.app_unknown"))
    );
}

#[tokio::test]
async fn an_oversized_post_is_refused_before_it_is_read() {
    let world = World::with(|settings| settings.webhook.max_body_bytes = 10_000).await;
    let fits = sign_bytes(APP_SECRET, vec![b' '; 10_000]);
    let (status, _) = world.post(&fits).await;
    assert_eq!(status, StatusCode::OK);
    let (status, problem) = world
        .post(&sign_bytes(APP_SECRET, vec![b' '; 10_001]))
        .await;
    let refused = (
        StatusCode::PAYLOAD_TOO_LARGE,
        Some("webhook.body_too_large"),
    );
    assert_eq!((status, problem["code"].as_str()), refused);
}

#[tokio::test]
async fn a_post_that_finds_no_room_is_sent_away() {
    let world = World::with(|settings| settings.webhook.memory_budget_bytes = 10).await;
    let (status, problem) = world.post(&sign_bytes(APP_SECRET, vec![b' '; 11])).await;
    let refused = (StatusCode::SERVICE_UNAVAILABLE, Some("webhook.overloaded"));
    assert_eq!((status, problem["code"].as_str()), refused);
}

#[tokio::test]
async fn a_truncated_post_is_kept_in_quarantine() {
    let world = World::new().await;
    let mut post = sign(
        APP_SECRET,
        &envelope(&[change(NUMBER, &[text(CONTACT, "wamid.1", "a")], &[])]),
    );
    post.body.truncate(100);
    let post = sign_bytes(APP_SECRET, post.body);
    assert_eq!(world.post(&post).await.0, StatusCode::OK);
    world.until_rows("quarantine", 1).await;
    assert_eq!(
        world.quarantined().await,
        [("json.malformed".to_owned(), "post".to_owned())]
    );
}

#[tokio::test]
async fn an_unknown_number_is_quarantined_and_its_neighbours_are_stored() {
    let world = World::new().await;
    let known = change(NUMBER, &[text(CONTACT, "wamid.1", "a")], &[]);
    let unknown = change("42", &[text(CONTACT, "wamid.2", "b")], &[]);
    world.deliver_body(&envelope(&[unknown, known])).await;
    world.until_rows("messages", 1).await;
    world.until_rows("quarantine", 1).await;
    let place = "entry[0].changes[0].messages[0]".to_owned();
    assert_eq!(
        world.quarantined().await,
        [("number.unknown".to_owned(), place)]
    );
}

#[tokio::test]
async fn one_bad_message_among_a_thousand_is_quarantined_alone() {
    let world = World::new().await;
    let mut messages: Vec<_> = (0..1_000)
        .map(|n| text(CONTACT, &format!("wamid.{n}"), "x"))
        .collect();
    messages[500] = json!({ "type": "text" });
    world.deliver(&messages, &[]).await;
    world.until_rows("messages", 999).await;
    assert_eq!(
        world.quarantined().await,
        [(
            "message.malformed".to_owned(),
            "entry[0].changes[0].messages[500]".to_owned()
        )]
    );
}

#[tokio::test]
async fn characters_the_database_cannot_hold_do_not_stop_a_batch() {
    let world = World::new().await;
    let messages = [
        text(CONTACT, "wamid.1", "nul \u{0} byte"),
        text(CONTACT, "wamid.2", "fine"),
    ];
    world.deliver(&messages, &[]).await;
    world.until_rows("messages", 2).await;
    assert_eq!(world.count("quarantine").await, 0);
}

#[tokio::test]
async fn an_app_may_only_speak_for_the_accounts_bound_to_it() {
    let world = World::with(|settings| {
        settings.meta.app_id = format!("{APP_ID}|900000000000002");
        settings.meta.app_secret = format!("{APP_SECRET}|other-secret").as_str().into();
    })
    .await;
    let post = sign(
        "other-secret",
        &envelope(&[change(NUMBER, &[text(CONTACT, "wamid.1", "a")], &[])]),
    );
    assert_eq!(world.post(&post).await.0, StatusCode::OK);
    world.until_rows("quarantine", 1).await;
    assert_eq!(world.quarantined().await[0].0, "app.not_bound");
    assert_eq!(world.count("messages").await, 0);
}

#[tokio::test]
async fn the_same_wamid_can_belong_to_two_organizations() {
    let world = World::new().await;
    let other = another_tenant(&world).await;
    let here = change(NUMBER, &[text(CONTACT, "wamid.1", "a")], &[]);
    let there = change(
        other.phone_number_id.as_str(),
        &[text(CONTACT, "wamid.1", "a")],
        &[],
    );
    world.deliver_body(&envelope(&[here, there])).await;
    world.until_rows("messages", 2).await;
    assert_eq!(world.count("contacts").await, 2);
    let mut tx = world.db.tenant(other.organization).await.unwrap();
    let wamid = sb_ids::Wamid::parse("wamid.1").unwrap();
    let seen = tx.messages().find_by_wamid(&wamid).await.unwrap().unwrap();
    assert_ne!(seen.conversation.to_string(), String::new());
}
