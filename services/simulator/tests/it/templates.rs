//! Templates: life, paging and sends.

use sb_egress::Method;
use serde_json::{Value, json};

use crate::harness::Stage;

fn template(name: &str) -> Value {
    json!({"name": name, "language": "en", "category": "UTILITY", "components": [
        {"type": "BODY", "text": "Order {{1}} ships {{2}}.",
         "example": {"body_text": [["12", "today"]]}}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn created_template_is_approved_and_can_be_sent_until_deleted() {
    let stage = Stage::start().await;
    let path = format!("/{}/message_templates", stage.waba());
    let (status, created) = stage
        .graph(Method::POST, &path, Some(template("order")))
        .await;
    assert_eq!((status, &created["status"]), (200, &json!("APPROVED")));
    let send = |parameters: Value| {
        json!({"messaging_product": "whatsapp", "to": "16505551234", "type": "template",
            "template": {"name": "order", "language": {"code": "en"}, "components": [
                {"type": "body", "parameters": parameters}]}})
    };
    let full = json!([{"type": "text", "text": "12"}, {"type": "text", "text": "today"}]);
    let (status, answer) = stage.send(send(full.clone())).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["messages"][0]["message_status"], "accepted");
    let (_, short) = stage.send(send(json!([]))).await;
    assert_eq!(short["error"]["code"], 132_000);
    let delete = format!("{path}?name=order");
    assert_eq!(stage.graph(Method::DELETE, &delete, None).await.0, 200);
    let (status, gone) = stage.send(send(full)).await;
    assert_eq!((status, &gone["error"]["code"]), (404, &json!(132_001)));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_the_cursor_to_the_end() {
    let stage = Stage::start().await;
    let path = format!("/{}/message_templates", stage.waba());
    for name in ["a", "b", "c", "d"] {
        stage.graph(Method::POST, &path, Some(template(name))).await;
    }
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let page = format!("{path}?limit=2&fields=name&after={after}");
        let (_, answer) = stage.graph(Method::GET, &page, None).await;
        for template in answer["data"].as_array().unwrap() {
            assert!(template.get("components").is_none());
            names.push(template["name"].as_str().unwrap().to_owned());
        }
        if answer["paging"].get("next").is_none() {
            break;
        }
        after = answer["paging"]["cursors"]["after"]
            .as_str()
            .unwrap()
            .to_owned();
    }
    assert_eq!(names, ["hello_world", "a", "b", "c", "d"]);
}
