//! What is wrong with a request is told, and nothing breaks.

use sb_egress::Method;
use sb_egress::multipart::{Form, Part};
use serde_json::json;

use crate::world::{World, answer};

#[tokio::test]
async fn a_body_of_the_wrong_type_is_refused_before_it_is_read() {
    let world = World::start().await;
    for (content_type, body) in [("text/plain", "{}"), ("application/xml", "<a/>")] {
        let request = world
            .request(Method::POST, "/v1/messages")
            .header("content-type", content_type)
            .body(body);
        let answer = answer(request).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (415, "request.unsupported_media_type")
        );
    }
    let request = world.request(Method::POST, "/v1/messages");
    assert_eq!(answer(request).await.status, 415, "no content type at all");
    let media = answer(world.request(Method::POST, "/v1/media").json(&json!({}))).await;
    assert_eq!(media.code, "request.unsupported_media_type");
}

#[tokio::test]
async fn an_oversized_body_is_refused() {
    let world = World::with(|settings| {
        settings.gateway.body_limit_bytes = 1_000;
        settings.gateway.media_limit_bytes = 1_000;
    })
    .await;
    let large = "a".repeat(1_001);
    let body = json!({ "to": "+15550100077", "content": { "type": "text", "body": large } });
    let refused = world.post("/v1/messages", &body).await;
    assert_eq!(
        (refused.status, refused.code.as_str()),
        (413, "request.too_large")
    );
    let form = Form::new().part("file", Part::text(large).file_name("a.txt"));
    let refused = answer(world.request(Method::POST, "/v1/media").multipart(form)).await;
    assert_eq!(
        (refused.status, refused.code.as_str()),
        (413, "request.too_large")
    );
    assert_eq!(world.count("media").await, 0);
}

#[tokio::test]
async fn malformed_json_is_told_with_its_place_and_invalid_fields_with_their_names() {
    let world = World::start().await;
    let request = world
        .request(Method::POST, "/v1/messages")
        .header("content-type", "application/json")
        .body("{\"to\": ");
    let malformed = answer(request).await;
    assert_eq!(
        (malformed.status, malformed.code.as_str()),
        (400, "request.malformed_json")
    );
    assert!(
        malformed.body["detail"]
            .as_str()
            .unwrap()
            .contains("line 1")
    );

    for (body, field) in [
        (json!({ "to": "+15550100077" }), "content"),
        (
            json!({ "to": "+15550100077", "content": { "type": "text" } }),
            "content.body",
        ),
        (
            json!({ "to": "+15550100077", "content": { "type": "dance" } }),
            "content",
        ),
        (
            json!({ "to": "x", "content": { "type": "text", "body": "b" } }),
            "to",
        ),
        (
            json!({ "to": "+15550100077", "content": { "type": "text", "body": "" } }),
            "content.body",
        ),
        (json!({ "too": "x" }), "too"),
    ] {
        let refused = world.post("/v1/messages", &body).await;
        assert_eq!(
            (refused.status, refused.code.as_str()),
            (422, "request.invalid")
        );
        assert_eq!(refused.body["errors"][0]["field"], field, "{body}");
    }
    let nul = json!({ "name": "a\u{0}b" });
    assert_eq!(world.post("/v1/agents", &nul).await.status, 422);
}

#[tokio::test]
async fn the_text_of_a_refused_request_is_not_repeated() {
    let world = World::start().await;
    let body = json!({ "to": "call me 4915112345678", "content": { "type": "text", "body": "b" } });
    let refused = world.post("/v1/messages", &body).await;
    assert!(!refused.body.to_string().contains("4915112345678"));
}

#[tokio::test]
async fn what_reaches_no_handler_is_a_problem_too() {
    let world = World::start().await;
    let nowhere = world.get("/v1/nowhere").await;
    assert_eq!(
        (nowhere.status, nowhere.code.as_str()),
        (404, "route.not_found")
    );
    let nowhere = answer(world.anonymous(Method::GET, "/nowhere")).await;
    assert_eq!(nowhere.code, "route.not_found");
    let method = answer(world.request(Method::PUT, "/v1/agents")).await;
    assert_eq!(
        (method.status, method.code.as_str()),
        (405, "route.method_not_allowed")
    );
    let allow = method.headers.get("allow").unwrap().to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    let path = world.get("/v1/agents/not-a-uuid").await;
    assert_eq!(
        (path.status, path.code.as_str()),
        (400, "request.invalid_parameter")
    );
    assert_eq!(
        path.headers.get("content-type").unwrap(),
        "application/problem+json"
    );
}

#[tokio::test]
async fn a_form_without_a_usable_file_is_refused() {
    let world = World::start().await;
    for form in [
        Form::new().text("other", "x"),
        Form::new().part("file", Part::bytes(Vec::new()).file_name("a.txt")),
    ] {
        let refused = answer(world.request(Method::POST, "/v1/media").multipart(form)).await;
        assert_eq!(
            (refused.status, refused.code.as_str()),
            (422, "request.invalid")
        );
    }
}

#[tokio::test]
async fn a_number_of_an_unknown_app_is_refused() {
    let world = World::start().await;
    let body = json!({ "phone_number_id": "1", "waba_id": "2", "app_id": "3" });
    let refused = world.post("/v1/numbers", &body).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.body["errors"][0]["field"], "app_id");
}
