//! The browser page, as far as it can be seen without a browser.

use sb_egress::Method;
use serde_json::json;

use crate::harness::Stage;

async fn html(stage: &Stage, path: &str) -> String {
    let answer = stage
        .egress
        .get(format!("{}{path}", stage.base))
        .trusted()
        .send("test")
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 200, "{path}");
    let bytes = answer.bytes_limited(1024 * 1024).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn page_shows_the_chat_and_escapes_what_people_write() {
    let stage = Stage::start().await;
    let name = json!({"name": "<script>Ana</script>"});
    stage
        .sim(Method::PUT, "/phones/16505551234", Some(name))
        .await;
    stage
        .handle
        .phone_writes("16505551234", "*bold* <img src=x onerror=alert(1)>")
        .unwrap();
    let page = html(&stage, "/?phone=16505551234").await;
    assert!(page.contains("<strong>bold</strong>"));
    assert!(!page.contains("<img src=x"));
    assert!(!page.contains("<script>Ana"));
    assert!(page.contains("Switchboard Demo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_page_invites_and_missing_webhook_is_explained() {
    let stage = Stage::start().await;
    let page = html(&stage, "/").await;
    assert!(page.contains("Pick a phone, or add one"));
    assert!(page.contains("no webhook is configured"));
    let _receiver = stage.receiver().await;
    assert!(!html(&stage, "/").await.contains("no webhook is configured"));
    for path in ["/page/style.css", "/page/script.js", "/page/icon.svg"] {
        assert!(!html(&stage, path).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_lists_and_templates_can_be_pressed() {
    let stage = Stage::start().await;
    let list = json!({"messaging_product": "whatsapp", "to": "16505551234",
        "type": "interactive", "interactive": {"type": "list", "body": {"text": "Pick"},
        "action": {"button": "Menu", "sections": [{"rows": [
            {"id": "r1", "title": "Soup", "description": "of the day"}]}]}}});
    assert_eq!(stage.send(list).await.0, 200);
    let hello = json!({"messaging_product": "whatsapp", "to": "16505551234", "type": "template",
        "template": {"name": "hello_world", "language": {"code": "en_US"}}});
    assert_eq!(stage.send(hello).await.0, 200);
    let chat = html(&stage, "/page/chat?phone=16505551234").await;
    assert!(chat.contains("Menu"));
    assert!(chat.contains("list_reply"));
    assert!(chat.contains("of the day"));
    assert!(chat.contains("Welcome and congratulations!!"));
}
