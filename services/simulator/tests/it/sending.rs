//! `POST /{number}/messages` and its faults.

use sb_egress::{EgressError, Method};
use serde_json::{Value, json};

use crate::harness::Stage;

fn codes(answer: &(u16, Value)) -> (u16, i64) {
    (answer.0, answer.1["error"]["code"].as_i64().unwrap_or(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_send_is_logged_and_its_statuses_arrive_in_order() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    let (status, answer) = stage
        .send(
            json!({"messaging_product": "whatsapp", "to": "+1 (650) 555-1234", "type": "text",
            "text": {"body": "hi"}, "biz_opaque_callback_data": "row-1"}),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["contacts"],
        json!([{"input": "+1 (650) 555-1234", "wa_id": "16505551234"}])
    );
    let wamid = answer["messages"][0]["id"].as_str().unwrap();
    assert!(wamid.starts_with("wamid.HBg"));
    stage.settle().await;
    let statuses = receiver.elements("statuses");
    let words: Vec<_> = statuses
        .iter()
        .map(|s| s["status"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["sent", "delivered", "read"]);
    for status in &statuses {
        assert_eq!(status["id"], wamid);
        assert_eq!(status["recipient_id"], "16505551234");
        assert_eq!(status["biz_opaque_callback_data"], "row-1");
        assert!(
            status["recipient_user_id"]
                .as_str()
                .unwrap()
                .starts_with("US.")
        );
    }
    assert_eq!(statuses[0]["pricing"]["pricing_model"], "PMP");
    assert!(statuses[2].get("pricing").is_none());
    let log = stage.sim(Method::GET, "/sent", None).await;
    assert_eq!(log["sent"][0]["id"], wamid);
    assert_eq!(log["sent"][0]["body"]["text"]["body"], "hi");
    assert_eq!(log["sent"][0]["status"], "read");
    assert_eq!(log["sent"][0]["callback_count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_ids_are_checked_with_metas_codes() {
    let stage = Stage::start().await;
    let path = format!("/v26.0/{}/messages", stage.number());
    let body = json!({"messaging_product": "whatsapp", "to": "16505551234", "type": "text",
        "text": {"body": "x"}});
    let post = |token: &'static str| {
        let (stage, path, body) = (&stage, path.clone(), body.clone());
        async move {
            stage
                .call(Method::POST, &path, token, Some(body))
                .await
                .unwrap()
        }
    };
    assert_eq!(codes(&post("wrong").await), (401, 190));
    stage
        .sim(
            Method::PUT,
            "/tokens/old",
            Some(json!({"expires_in_s": -1})),
        )
        .await;
    let expired = post("old").await;
    assert_eq!(codes(&expired), (401, 190));
    assert_eq!(expired.1["error"]["error_subcode"], 463);
    assert!(expired.1["error"]["fbtrace_id"].as_str().unwrap().len() > 8);
    stage
        .sim(
            Method::PUT,
            "/tokens/other",
            Some(json!({"waba_ids": ["1"]})),
        )
        .await;
    let foreign = post("other").await;
    assert_eq!(codes(&foreign), (400, 100));
    assert_eq!(foreign.1["error"]["error_subcode"], 33);
    let unknown = stage.graph(Method::POST, "/42/messages", Some(body)).await;
    assert_eq!(unknown.1["error"]["error_subcode"], 33);
    let nowhere = stage.graph(Method::POST, "/42/nothing/here", None).await;
    assert_eq!(codes(&nowhere), (400, 2500));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answer_is_processed_and_the_connection_drops() {
    let stage = Stage::start().await;
    stage
        .quick_faults(json!({"lost_answer": {"count": 1}}))
        .await;
    let path = format!("/v26.0/{}/messages", stage.number());
    let token = stage.settings.simulator.access_token.clone();
    let body = json!({"messaging_product": "whatsapp", "to": "16505551234", "type": "text",
        "text": {"body": "x"}, "biz_opaque_callback_data": "row-1"});
    let lost = stage
        .call(Method::POST, &path, &token, Some(body.clone()))
        .await;
    assert!(
        matches!(lost, Err(EgressError::Interrupted { .. })),
        "{lost:?}"
    );
    assert_eq!(stage.handle.sent().len(), 1);
    let (status, _) = stage.send(body).await;
    assert_eq!(status, 200);
    let repeated = stage.sim(Method::GET, "/sent/repeated", None).await;
    assert_eq!(
        repeated["repeated"],
        json!([{"biz_opaque_callback_data": "row-1", "count": 2}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_refuses_what_exceeds_the_numbers_rate() {
    let stage = Stage::start().await;
    let number = format!("/numbers/{}", stage.number());
    stage
        .sim(Method::PUT, &number, Some(json!({"throughput_mps": 5})))
        .await;
    stage.quick_faults(json!({"throttling": true})).await;
    let mut refused = Vec::new();
    for _ in 0..8 {
        let answer = stage.send_text("16505551234", "x").await;
        if answer.0 != 200 {
            refused.push(codes(&answer));
        }
    }
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|codes| *codes == (400, 130_429)));
    let stats = stage.sim(Method::GET, "/stats", None).await;
    assert_eq!(stats["numbers"][0]["peak_mps"], 5);
    assert_eq!(stats["refused"]["130429"], refused.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_a_number_strike_that_number_alone() {
    let stage = Stage::start().await;
    stage.sim(Method::PUT, "/numbers/77", Some(json!({}))).await;
    let fault = json!({"error": {"code": 131_016, "count": 1}});
    stage.sim(Method::PUT, "/faults/77", Some(fault)).await;
    assert_eq!(stage.send_text("16505551234", "x").await.0, 200);
    let body = json!({"messaging_product": "whatsapp", "to": "16505551234", "type": "text",
        "text": {"body": "x"}});
    let struck = stage
        .graph(Method::POST, "/77/messages", Some(body.clone()))
        .await;
    assert_eq!(codes(&struck), (500, 131_016));
    let again = stage.graph(Method::POST, "/77/messages", Some(body)).await;
    assert_eq!(again.0, 200);
    stage.quick_faults(json!({"outage": true})).await;
    assert_eq!(codes(&stage.send_text("16505551234", "x").await), (503, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn window_and_pair_rate_are_enforced_when_asked() {
    let stage = Stage::start().await;
    stage
        .quick_faults(json!({"enforce_window": "answer", "pair_rate": true}))
        .await;
    let closed = stage.send_text("16505551234", "x").await;
    assert_eq!(codes(&closed), (400, 131_047));
    stage.handle.phone_writes("16505551234", "hello").unwrap();
    for _ in 0..45 {
        assert_eq!(stage.send_text("16505551234", "x").await.0, 200);
    }
    let limited = stage.send_text("16505551234", "x").await;
    assert_eq!(codes(&limited), (400, 131_056));
}

#[tokio::test(flavor = "multi_thread")]
async fn person_without_whatsapp_gives_a_failed_status_without_contact() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    stage
        .sim(
            Method::PUT,
            "/phones/16505551234",
            Some(json!({"on_whatsapp": false})),
        )
        .await;
    assert_eq!(stage.send_text("16505551234", "x").await.0, 200);
    stage.settle().await;
    let statuses = receiver.elements("statuses");
    assert_eq!(statuses.len(), 1);
    assert_eq!(statuses[0]["status"], "failed");
    assert_eq!(statuses[0]["errors"][0]["code"], 131_026);
    assert!(statuses[0].get("recipient_user_id").is_none());
    let value = &receiver.posts()[0].json["entry"][0]["changes"][0]["value"];
    assert!(value.get("contacts").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn user_ids_reach_people_who_hide_their_number() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    let person = json!({"name": "Ana", "username": "ana.s", "hide_phone": true});
    let phone = stage
        .sim(Method::PUT, "/phones/5511987654321", Some(person))
        .await;
    let user_id = phone["user_id"].as_str().unwrap();
    stage.handle.phone_writes("5511987654321", "oi").unwrap();
    let (status, answer) = stage
        .send(
            json!({"messaging_product": "whatsapp", "recipient": user_id, "type": "text",
            "text": {"body": "x"}}),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["contacts"][0],
        json!({"input": user_id, "user_id": user_id})
    );
    stage.settle().await;
    let message = &receiver.elements("messages")[0];
    assert!(message.get("from").is_none());
    assert_eq!(message["from_user_id"], user_id);
    let status = &receiver.elements("statuses")[0];
    assert!(status.get("recipient_id").is_none());
    assert_eq!(status["recipient_user_id"], user_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn held_statuses_wait_until_released_and_forced_ones_may_go_back() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    stage.quick_faults(json!({"hold_statuses": true})).await;
    let (_, answer) = stage.send_text("16505551234", "x").await;
    let wamid = answer["messages"][0]["id"].as_str().unwrap();
    stage.settle().await;
    assert!(receiver.elements("statuses").is_empty());
    stage.quick_faults(json!({})).await;
    stage.sim(Method::POST, "/statuses/release", None).await;
    stage.settle().await;
    let late = Some(json!({"status": "delivered"}));
    stage
        .sim(Method::POST, &format!("/messages/{wamid}/status"), late)
        .await;
    stage.settle().await;
    let words: Vec<_> = receiver
        .elements("statuses")
        .iter()
        .map(|status| status["status"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(words, ["sent", "delivered", "read", "delivered"]);
    let message = stage
        .sim(Method::GET, &format!("/messages/{wamid}"), None)
        .await;
    assert_eq!(message["status"], "read");
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_phone_gets_its_messages_when_it_returns() {
    let stage = Stage::start().await;
    let phone = "/phones/16505551234";
    stage
        .sim(Method::PUT, phone, Some(json!({"online": false})))
        .await;
    let (_, answer) = stage.send_text("16505551234", "x").await;
    let wamid = answer["messages"][0]["id"].as_str().unwrap();
    stage.settle().await;
    let path = format!("/messages/{wamid}");
    assert_eq!(stage.sim(Method::GET, &path, None).await["status"], "sent");
    stage
        .sim(Method::PUT, phone, Some(json!({"online": true})))
        .await;
    stage.settle().await;
    assert_eq!(stage.sim(Method::GET, &path, None).await["status"], "read");
}
