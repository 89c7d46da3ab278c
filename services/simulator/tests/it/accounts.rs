//! Numbers, subscriptions, tokens.

use sb_egress::Method;
use serde_json::json;

use crate::harness::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn numbers_show_the_asked_fields() {
    let stage = Stage::start().await;
    let number = stage.number();
    let path = format!("/{number}?fields=verified_name,throughput,status");
    let (status, answer) = stage.graph(Method::GET, &path, None).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer,
        json!({"id": number, "verified_name": "Switchboard Demo", "status": "CONNECTED",
            "throughput": {"level": "STANDARD"}})
    );
    let (_, list) = stage
        .graph(
            Method::GET,
            &format!("/{}/phone_numbers", stage.waba()),
            None,
        )
        .await;
    assert_eq!(list["data"][0]["id"], number.as_str());
    assert_eq!(list["data"][0]["quality_rating"], "GREEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_checks_the_pin_and_gates_sending() {
    let stage = Stage::start().await;
    let number = stage.number();
    let register = format!("/{number}/register");
    let body = |pin: &str| Some(json!({"messaging_product": "whatsapp", "pin": pin}));
    assert_eq!(
        stage.graph(Method::POST, &register, body("12")).await.0,
        400
    );
    assert_eq!(
        stage.graph(Method::POST, &register, body("123456")).await.0,
        200
    );
    stage
        .graph(Method::POST, &format!("/{number}/deregister"), None)
        .await;
    let (_, refused) = stage.send_text("16505551234", "x").await;
    assert_eq!(refused["error"]["code"], 133_010);
    let (_, wrong) = stage.graph(Method::POST, &register, body("000000")).await;
    assert_eq!(wrong["error"]["code"], 133_005);
    assert_eq!(
        stage.graph(Method::POST, &register, body("123456")).await.0,
        200
    );
    assert_eq!(stage.send_text("16505551234", "x").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unsubscribed_app_hears_nothing_and_an_override_redirects() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    let subscribed = format!("/{}/subscribed_apps", stage.waba());
    stage.graph(Method::DELETE, &subscribed, None).await;
    stage.handle.phone_writes("16505550001", "lost").unwrap();
    stage.settle().await;
    assert!(receiver.posts().is_empty());
    let other = stage.silent_receiver();
    let override_ = json!({"override_callback_uri": other.url,
        "verify_token": stage.settings.simulator.verify_token});
    let (status, answer) = stage
        .graph(Method::POST, &subscribed, Some(override_))
        .await;
    assert_eq!(status, 200, "{answer}");
    let (_, list) = stage.graph(Method::GET, &subscribed, None).await;
    assert_eq!(list["data"][0]["override_callback_uri"], other.url.as_str());
    stage
        .handle
        .phone_writes("16505550001", "redirected")
        .unwrap();
    stage.settle().await;
    assert!(receiver.posts().is_empty());
    assert_eq!(other.elements("messages").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_can_be_exchanged_and_examined() {
    let stage = Stage::start().await;
    let sim = stage.settings.simulator.clone();
    let path = format!(
        "/oauth/access_token?client_id={}&client_secret={}&code=abc",
        sim.app_id, sim.app_secret
    );
    let (_, answer) = stage.graph(Method::GET, &path, None).await;
    let token = answer["access_token"].as_str().unwrap().to_owned();
    let debug = format!("/debug_token?input_token={token}");
    let (_, answer) = stage.graph(Method::GET, &debug, None).await;
    assert_eq!(answer["data"]["is_valid"], true);
    assert_eq!(answer["data"]["app_id"], sim.app_id.as_str());
    let (_, answer) = stage
        .graph(Method::GET, "/debug_token?input_token=nope", None)
        .await;
    assert_eq!(answer["data"]["is_valid"], false);
    let wrong = "/oauth/access_token?client_id=1&client_secret=2&code=abc";
    assert_eq!(stage.graph(Method::GET, wrong, None).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_keeps_what_is_written_within_limits() {
    let stage = Stage::start().await;
    let path = format!("/{}/whatsapp_business_profile", stage.number());
    let body =
        json!({"messaging_product": "whatsapp", "about": "Open", "websites": ["https://a.b"]});
    assert_eq!(stage.graph(Method::POST, &path, Some(body)).await.0, 200);
    let (_, answer) = stage.graph(Method::GET, &path, None).await;
    assert_eq!(answer["data"][0]["about"], "Open");
    let long = json!({"messaging_product": "whatsapp", "about": "x".repeat(140)});
    assert_eq!(stage.graph(Method::POST, &path, Some(long)).await.0, 400);
}
