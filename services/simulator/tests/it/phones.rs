//! What phones send, and what they see of the business.

use sb_egress::Method;
use serde_json::{Value, json};

use crate::harness::Stage;

async fn inject(stage: &Stage, message: Value) -> Value {
    stage
        .sim(Method::POST, "/phones/16505551234/messages", Some(message))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_carry_the_message_they_answer() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    let buttons = json!({"messaging_product": "whatsapp", "to": "16505551234",
        "type": "interactive", "interactive": {"type": "button", "body": {"text": "Sure?"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]}}});
    let (status, answer) = stage.send(buttons).await;
    assert_eq!(status, 200, "{answer}");
    let wamid = answer["messages"][0]["id"].as_str().unwrap();
    inject(
        &stage,
        json!({"type": "button_reply", "button_reply": {"id": "y", "title": "Yes"},
            "context": {"message_id": wamid}}),
    )
    .await;
    stage.settle().await;
    let message = &receiver.elements("messages")[0];
    assert_eq!(message["type"], "interactive");
    assert_eq!(
        message["interactive"],
        json!({"type": "button_reply", "button_reply": {"id": "y", "title": "Yes"}})
    );
    assert_eq!(
        message["context"],
        json!({"from": "15550100001", "id": wamid})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_type_goes_through_as_given() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    let location = json!({"latitude": 1.5, "longitude": -2.25, "name": "Here"});
    inject(&stage, json!({"type": "location", "location": location})).await;
    inject(&stage, json!({"type": "unsupported"})).await;
    inject(
        &stage,
        json!({"type": "brand_new", "brand_new": {"x": 1}, "referral": {"ref": "a"}}),
    )
    .await;
    stage.settle().await;
    let messages = receiver.elements("messages");
    assert_eq!(messages[0]["location"], location);
    assert_eq!(messages[1]["errors"][0]["code"], 131_051);
    assert_eq!(messages[2]["brand_new"], json!({"x": 1}));
    assert_eq!(messages[2]["referral"], json!({"ref": "a"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn read_mark_shows_on_the_phone() {
    let stage = Stage::start().await;
    let id = stage.handle.phone_writes("16505551234", "hello").unwrap();
    let path = format!("/messages/{id}");
    assert_eq!(stage.sim(Method::GET, &path, None).await["status"], "sent");
    let mark = json!({"messaging_product": "whatsapp", "status": "read", "message_id": id,
        "typing_indicator": {"type": "text"}});
    let (status, answer) = stage.send(mark).await;
    assert_eq!((status, answer), (200, json!({"success": true})));
    assert_eq!(stage.sim(Method::GET, &path, None).await["status"], "read");
    let unknown = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "no"});
    assert_eq!(stage.send(unknown).await.1["error"]["code"], 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_webhook_gives_the_phone_its_second_tick() {
    let stage = Stage::start().await;
    let _receiver = stage.receiver().await;
    let id = stage.handle.phone_writes("16505551234", "hello").unwrap();
    stage.settle().await;
    let path = format!("/messages/{id}");
    assert_eq!(
        stage.sim(Method::GET, &path, None).await["status"],
        "delivered"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_wait_for_the_person_when_phones_do_not_read_by_themselves() {
    let stage = Stage::start().await;
    stage.quick_faults(json!({"auto_read": false})).await;
    let (_, answer) = stage.send_text("16505551234", "x").await;
    let path = format!(
        "/messages/{}",
        answer["messages"][0]["id"].as_str().unwrap()
    );
    stage.settle().await;
    assert_eq!(
        stage.sim(Method::GET, &path, None).await["status"],
        "delivered"
    );
    stage
        .sim(Method::POST, "/phones/16505551234/read", Some(json!({})))
        .await;
    assert_eq!(stage.sim(Method::GET, &path, None).await["status"], "read");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_control_requests_say_what_is_wrong() {
    let stage = Stage::start().await;
    let cases = [
        (
            "/_sim/phones/abc/messages",
            json!({"type": "text", "text": "x"}),
            422,
        ),
        (
            "/_sim/phones/16505551234/messages",
            json!({"text": "x"}),
            400,
        ),
        (
            "/_sim/phones/16505551234/messages",
            json!({"type": "image"}),
            422,
        ),
        (
            "/_sim/phones/16505551234/messages",
            json!({"type": "text", "text": "x", "phone_number_id": "9"}),
            404,
        ),
        ("/_sim/nothing", json!({}), 404),
    ];
    for (path, body, expected) in cases {
        let (status, answer) = stage
            .call(Method::POST, path, "", Some(body))
            .await
            .unwrap();
        assert_eq!(status, expected, "{path}: {answer}");
        assert!(!answer["detail"].as_str().unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_can_be_waited_on() {
    let stage = Stage::start().await;
    let waiting = stage.sim(Method::GET, "/sent?wait_ms=15000", None);
    let sending = stage.send_text("16505551234", "at last");
    let (log, _) = tokio::join!(waiting, sending);
    assert_eq!(log["sent"][0]["body"]["text"]["body"], "at last");
    let next = log["next"].as_u64().unwrap();
    let empty = stage
        .sim(Method::GET, &format!("/sent?after={next}"), None)
        .await;
    assert_eq!(empty["sent"], json!([]));
}
