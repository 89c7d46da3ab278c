//! The client against real sockets.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use sb_config::EgressSettings;
use serde_json::Value;

use super::*;
use crate::ChatMessage;

/// Answers one request with `answer`, a whole HTTP answer, and hands over what was asked.
fn stand_in(answer: String) -> (SocketAddr, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, requests) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read_request(&mut stream);
        stream.write_all(answer.as_bytes()).unwrap();
        drop(stream);
        asked.send(request).ok();
    });
    (address, requests)
}

fn read_request(stream: &mut TcpStream) -> (String, Value) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn request() -> ChatRequest {
    let mut request = ChatRequest::new("m");
    request.messages.push(ChatMessage::user("hi"));
    request.timeout = Duration::from_secs(5);
    request
}

fn client(address: SocketAddr, trusted: bool) -> ChatClient {
    let egress = Egress::new(&EgressSettings::default()).unwrap();
    ChatClient::new(
        egress,
        &format!("http://{address}/v1/"),
        Secret::from("sk-1"),
        trusted,
    )
}

async fn ask(answer: String) -> Result<ChatAnswer, LlmError> {
    let (address, _requests) = stand_in(answer);
    client(address, true).complete(&request()).await
}

#[tokio::test]
async fn a_streamed_answer_is_asked_for_and_read() {
    let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let (address, requests) = stand_in(http(200, "content-type: text/event-stream\r\n", body));
    let answer = client(address, true).complete(&request()).await.unwrap();
    assert_eq!(answer.text, "hello");
    let (head, asked) = requests.recv().unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"));
    assert!(head.contains("authorization: Bearer sk-1"));
    assert_eq!(asked["stream"], Value::Bool(true));
    assert_eq!(asked["messages"][0]["content"], "hi");
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let body = r#"{"choices":[{"message":{"content":"hello"},"finish_reason":"stop"}]}"#;
    let answer = ask(http(200, "content-type: application/json\r\n", body))
        .await
        .unwrap();
    assert_eq!(answer.text, "hello");
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let body = r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#;
    let error = ask(http(
        429,
        "retry-after: 20\r\nretry-after-ms: 1500\r\n",
        body,
    ))
    .await
    .unwrap_err();
    assert_eq!(error.kind(), "rate_limited");
    assert_eq!(error.retry_after(), Some(Duration::from_millis(1_500)));
}

#[tokio::test]
async fn a_wrong_key_is_not_tried_again() {
    let body = r#"{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}"#;
    let error = ask(http(401, "", body)).await.unwrap_err();
    assert!(
        matches!(
            error,
            LlmError::Refused {
                http_status: 401,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_cut_answer_can_be_asked_for_again() {
    let cut =
        "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"cho";
    let error = ask(cut.to_owned()).await.unwrap_err();
    assert!(matches!(error, LlmError::Interrupted { .. }), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn an_address_of_a_tenant_goes_through_the_guard() {
    let (address, _requests) = stand_in(http(200, "", "{}"));
    let error = client(address, false)
        .complete(&request())
        .await
        .unwrap_err();
    assert!(matches!(error, LlmError::NotSent { .. }), "{error:?}");
    assert!(!error.is_retryable());
}

#[test]
fn the_token_limit_has_the_name_the_host_knows() {
    for (url, limit) in [
        ("https://api.openai.com/v1", TokenLimit::MaxCompletionTokens),
        (
            "https://api.groq.com/openai/v1",
            TokenLimit::MaxCompletionTokens,
        ),
        ("http://127.0.0.1:11434/v1", TokenLimit::MaxTokens),
        ("not a url", TokenLimit::MaxTokens),
    ] {
        assert_eq!(token_limit(url), limit, "{url}");
    }
}
