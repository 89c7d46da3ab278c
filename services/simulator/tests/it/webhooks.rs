//! Delivery: signature, order, retries, batches, duplicates.

use sb_egress::Method;
use serde_json::json;

use crate::harness::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn inbound_message_is_signed_over_metas_ascii_serialisation() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    let message = json!({"type": "text", "text": "¿qué tal? 😀 a/b", "name": "José"});
    stage.handle.phone_sends("5511987654321", message).unwrap();
    let posts = receiver.until(|posts| !posts.is_empty()).await;
    let raw = String::from_utf8(posts[0].raw.clone()).unwrap();
    assert!(raw.is_ascii());
    assert!(
        raw.contains(r"\u00bfqu\u00e9 tal? \ud83d\ude00 a\/b"),
        "{raw}"
    );
    let value = &posts[0].json["entry"][0]["changes"][0]["value"];
    assert_eq!(posts[0].json["object"], "whatsapp_business_account");
    assert_eq!(posts[0].json["entry"][0]["id"], stage.waba().as_str());
    assert_eq!(
        value["metadata"]["phone_number_id"],
        stage.number().as_str()
    );
    assert_eq!(value["metadata"]["display_phone_number"], "15550100001");
    assert_eq!(value["contacts"][0]["profile"]["name"], "José");
    assert_eq!(value["contacts"][0]["wa_id"], "5511987654321");
    assert_eq!(value["messages"][0]["from"], "5511987654321");
    assert_eq!(value["messages"][0]["text"]["body"], "¿qué tal? 😀 a/b");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_post_is_retried_with_the_same_bytes_and_blocks_nobody() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    stage
        .quick_faults(json!({"retry_base_ms": 3_600_000, "retry_cap_ms": 3_600_000}))
        .await;
    receiver.refuse(Some("first"));
    stage.handle.phone_writes("16505550001", "first").unwrap();
    receiver.until(|posts| posts.len() == 1).await;
    stage.handle.phone_writes("16505550001", "second").unwrap();
    stage.handle.phone_writes("16505550002", "third").unwrap();
    receiver.until(|posts| posts.len() == 3).await;
    receiver.refuse(None);
    stage.sim(Method::POST, "/webhooks/retry", None).await;
    let posts = receiver.until(|posts| posts.len() == 4).await;
    assert_eq!(posts[0].raw, posts[3].raw);
    stage.settle().await;
    let log = stage.sim(Method::GET, "/webhooks", None).await;
    let outcomes: Vec<_> = log["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes.iter().filter(|o| **o == "delivered").count(), 3);
    assert_eq!(outcomes.iter().filter(|o| **o == "retrying").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_callback_is_reported_and_catches_up_after_a_move() {
    let stage = Stage::start().await;
    stage
        .quick_faults(json!({"retry_base_ms": 20, "retry_cap_ms": 20}))
        .await;
    let nowhere = json!({"url": "http://127.0.0.1:9/hook", "skip_verification": true});
    stage.sim(Method::POST, "/webhook", Some(nowhere)).await;
    stage.handle.phone_writes("16505550001", "hello").unwrap();
    let receiver = stage.receiver().await;
    let posts = receiver.until(|posts| !posts.is_empty()).await;
    assert_eq!(posts[0].json["entry"][0]["changes"][0]["field"], "messages");
    stage.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_is_given_up_after_the_horizon() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    receiver.answer_with(503);
    stage
        .quick_faults(json!({"retry_base_ms": 1, "retry_horizon_s": 0}))
        .await;
    stage.handle.phone_writes("16505550001", "hello").unwrap();
    stage.settle().await;
    let log = stage.sim(Method::GET, "/webhooks", None).await;
    assert_eq!(log["totals"]["posts_given_up"], 1);
    assert!(log["trouble"].as_str().unwrap().contains("HTTP 503"));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_carry_everything_once_and_keep_each_chats_order() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    stage.quick_faults(json!({"batch_size": 100})).await;
    let bulk = json!({"phones": 7, "messages": 300, "text": "m{n}"});
    stage.sim(Method::POST, "/bulk", Some(bulk)).await;
    stage.settle().await;
    let messages = receiver.elements("messages");
    assert_eq!(messages.len(), 2100);
    assert!(receiver.posts().len() < 700);
    for phone in 0..7_u64 {
        let from = (15_550_200_000 + phone).to_string();
        let own: Vec<u64> = messages
            .iter()
            .filter(|message| message["from"] == from.as_str())
            .map(|message| {
                message["text"]["body"].as_str().unwrap()[1..]
                    .parse()
                    .unwrap()
            })
            .collect();
        assert_eq!(own.len(), 300);
        assert!(own.is_sorted(), "{own:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_come_when_asked() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    stage
        .quick_faults(json!({"duplicate_webhooks": 1.0, "reorder_webhooks_ms": 50}))
        .await;
    let id = stage.handle.phone_writes("16505550001", "hello").unwrap();
    stage.settle().await;
    let messages = receiver.elements("messages");
    assert_eq!(messages.len(), 2);
    assert!(messages.iter().all(|message| message["id"] == id.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn handshake_must_return_the_challenge() {
    let stage = Stage::start().await;
    let receiver = stage.silent_receiver();
    let wrong = json!({"url": receiver.url, "verify_token": "not it"});
    let (status, answer) = stage
        .call(Method::POST, "/_sim/webhook", "", Some(wrong))
        .await
        .unwrap();
    assert_eq!(status, 502);
    assert!(
        answer["detail"].as_str().unwrap().contains("verify token"),
        "{answer}"
    );
    let right = json!({"url": receiver.url});
    let answer = stage.sim(Method::POST, "/webhook", Some(right)).await;
    assert_eq!(answer["verified"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_field_can_be_posted() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    let change = json!({"field": "account_update", "value": {"event": "ACCOUNT_DELETED"}});
    stage.sim(Method::POST, "/changes", Some(change)).await;
    let posts = receiver.until(|posts| !posts.is_empty()).await;
    assert_eq!(
        posts[0].json["entry"][0]["changes"],
        json!([{"field": "account_update", "value": {"event": "ACCOUNT_DELETED"}}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_forgets_chats_faults_and_pending_posts_but_not_the_callback() {
    let stage = Stage::start().await;
    let receiver = stage.receiver().await;
    receiver.answer_with(500);
    stage.handle.phone_writes("16505550001", "hello").unwrap();
    receiver.until(|posts| !posts.is_empty()).await;
    stage.sim(Method::POST, "/reset", None).await;
    assert_eq!(stage.handle.pending(), 0);
    let phones = stage.sim(Method::GET, "/phones", None).await;
    assert_eq!(phones["phones"], json!([]));
    receiver.answer_with(200);
    stage.handle.phone_writes("16505550001", "again").unwrap();
    stage.settle().await;
    assert_eq!(receiver.elements("messages").len(), 1);
}
