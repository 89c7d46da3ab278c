//! The model endpoints.

use sb_egress::{EgressError, Method};
use serde_json::{Value, json};

use crate::harness::Stage;

const PATH: &str = "/openai/v1/chat/completions";

fn ask(text: &str) -> Value {
    json!({"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}]})
}

async fn complete(stage: &Stage, body: Value) -> (u16, Value) {
    stage
        .call(Method::POST, PATH, "key", Some(body))
        .await
        .unwrap()
}

async fn stream(stage: &Stage, mut body: Value) -> Result<String, EgressError> {
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let answer = stage
        .egress
        .post(format!("{}{PATH}", stage.base))
        .json(&body)
        .trusted()
        .send("test")
        .await?;
    let bytes = answer.bytes_limited(1024 * 1024).await?;
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_script_the_answer_is_an_echo() {
    let stage = Stage::start().await;
    let (status, answer) = complete(&stage, ask("hello")).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        "You said: hello"
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert!(answer["usage"]["total_tokens"].as_u64().unwrap() > 0);
    let text = stream(&stage, ask("hello")).await.unwrap();
    assert!(text.ends_with("data: [DONE]\n\n"));
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    let said: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(said, "You said: hello");
    assert!(events.last().unwrap()["usage"]["total_tokens"].is_number());
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_answer_with_tools_errors_and_broken_streams() {
    let stage = Stage::start().await;
    let scripts = json!([
        {"match": "weather", "tool_calls": [{"name": "forecast", "arguments": {"city": "Lima"}}]},
        {"status": 429},
        {"text": "cut off", "cut_after": 2},
        {"malformed": true},
    ]);
    stage.sim(Method::POST, "/llm/scripts", Some(scripts)).await;
    let (_, answer) = complete(&stage, ask("the weather?")).await;
    let call = &answer["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["name"], "forecast");
    assert_eq!(call["function"]["arguments"], "{\"city\":\"Lima\"}");
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let (status, answer) = complete(&stage, ask("x")).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (429, &json!("rate_limit_exceeded"))
    );
    assert!(stream(&stage, ask("x")).await.is_err());
    let broken = stream(&stage, ask("x")).await.unwrap();
    assert!(broken.contains("chatcmpl-bro\n"));
    let log = stage.sim(Method::GET, "/llm/requests", None).await;
    assert_eq!(log["requests"].as_array().unwrap().len(), 4);
    assert_eq!(log["requests"][0]["answered_by"], "script");
}

#[tokio::test(flavor = "multi_thread")]
async fn struck_request_leaves_the_script_for_the_next_try() {
    let stage = Stage::start().await;
    stage
        .sim(
            Method::POST,
            "/llm/scripts",
            Some(json!({"text": "the answer"})),
        )
        .await;
    let faults = json!({"status": 500, "count": 1});
    stage.sim(Method::PUT, "/llm/faults", Some(faults)).await;
    assert_eq!(complete(&stage, ask("x")).await.0, 500);
    let (_, answer) = complete(&stage, ask("x")).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "the answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_conversations_are_refused_as_providers_do() {
    let stage = Stage::start().await;
    let orphan = json!({"model": "m", "messages": [
        {"role": "tool", "tool_call_id": "1", "content": "x"}]});
    let (status, answer) = complete(&stage, orphan).await;
    assert_eq!(status, 400);
    assert_eq!(answer["error"]["type"], "invalid_request_error");
    let (status, list) = stage
        .call(Method::GET, "/openai/v1/models", "", None)
        .await
        .unwrap();
    assert_eq!((status, &list["object"]), (200, &json!("list")));
}
