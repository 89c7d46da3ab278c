//! The client against real sockets: what it asks, and what it makes of each answer.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use sb_config::{EgressSettings, Secret};
use sb_domain::content::MessageContent;
use sb_egress::Egress;
use sb_ids::{MetaAppId, PhoneNumberId, WaId, WabaId, Wamid};
use serde_json::{Value, json};

use super::*;
use crate::errors::RetryClass;

/// What the stand-in does with a request.
enum Answer {
    Json(u16, Value),
    Text(u16, &'static str),
    HangUp,
    Never,
}

struct Asked {
    head: String,
    body: String,
}

fn read_request(stream: &mut TcpStream) -> Asked {
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
    Asked {
        head,
        body: String::from_utf8(body).unwrap(),
    }
}

/// Answers one connection each, in order, and hands over what was asked.
fn stand_in(answers: Vec<Answer>) -> (SocketAddr, mpsc::Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, requests) = mpsc::channel();
    thread::spawn(move || {
        let mut kept_open = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            asked.send(read_request(&mut stream)).unwrap();
            let (status, text) = match answer {
                Answer::Json(status, body) => (status, body.to_string()),
                Answer::Text(status, body) => (status, body.to_owned()),
                Answer::HangUp => continue,
                Answer::Never => {
                    kept_open.push(stream);
                    continue;
                }
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nretry-after: 7\r\nconnection: close\r\n\r\n",
                text.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
        }
        // Keeps unanswered connections open until the test is over.
        drop(asked);
        thread::park();
        drop(kept_open);
    });
    (address, requests)
}

fn graph(address: SocketAddr) -> Graph {
    let egress = Egress::new(&EgressSettings::default()).unwrap();
    Graph::new(egress, &format!("http://{address}/"), "v26.0")
        .with_timeout(Duration::from_millis(400))
}

fn token() -> Secret {
    Secret::from("EAAG-token")
}

fn number() -> PhoneNumberId {
    PhoneNumberId::parse("106").unwrap()
}

async fn send(answer: Answer) -> (Result<SendReceipt, GraphError>, Asked) {
    let (address, requests) = stand_in(vec![answer]);
    let recipient = Recipient::WaId(WaId::parse("16505551234").unwrap());
    let body = SendBody::new(&recipient, &MessageContent::text("hi"), "row-1").unwrap();
    let result = graph(address)
        .send_message(&token(), &number(), &body)
        .await;
    (result, requests.recv().unwrap())
}

#[tokio::test]
async fn a_send_carries_token_and_body_and_returns_the_wamid() {
    let answer = json!({
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+16505551234", "wa_id": "16505551234"}],
        "messages": [{"id": "wamid.A", "message_status": "accepted"}],
    });
    let (receipt, asked) = send(Answer::Json(200, answer)).await;
    let receipt = receipt.unwrap();
    assert_eq!(receipt.wamid, Wamid::parse("wamid.A").unwrap());
    assert_eq!(receipt.wa_id, WaId::parse("16505551234").ok());
    assert_eq!(receipt.message_status.as_deref(), Some("accepted"));
    assert!(asked.head.starts_with("POST /v26.0/106/messages HTTP/1.1"));
    assert!(asked.head.contains("authorization: Bearer EAAG-token"));
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body["to"], json!("+16505551234"));
    assert_eq!(body["biz_opaque_callback_data"], json!("row-1"));
}

#[tokio::test]
async fn metas_error_object_is_kept_and_classified_by_its_code() {
    let object = json!({"message": "(#131056) Pair rate", "code": 131_056, "fbtrace_id": "A"});
    let (result, _) = send(Answer::Json(400, json!({"error": object}))).await;
    let error = result.unwrap_err();
    assert_eq!(error.code(), Some(131_056));
    assert_eq!(error.class(), RetryClass::PairRate);
    assert_eq!(error.meta_error().unwrap().raw, object);
    // Meta's Retry-After is longer than the first step of the pair rate.
    assert_eq!(error.retry_wait(0), Some(Duration::from_secs(7)));
    assert_eq!(
        error.to_string(),
        "meta.messages.send: Meta refused with code 131056 and HTTP 400"
    );
}

#[tokio::test]
async fn an_error_page_of_a_proxy_follows_its_status() {
    for (status, class) in [
        (502, RetryClass::Uncertain),
        (429, RetryClass::transient(5)),
        (404, RetryClass::Permanent),
    ] {
        let (result, _) = send(Answer::Text(status, "<html>no</html>")).await;
        let error = result.unwrap_err();
        assert_eq!(error.class(), class, "{status}");
        assert_eq!(error.meta_error().unwrap().raw, json!("<html>no</html>"));
    }
}

#[tokio::test]
async fn a_lost_answer_is_uncertain_and_never_repeated() {
    for answer in [Answer::HangUp, Answer::Never] {
        let (result, _) = send(answer).await;
        let error = result.unwrap_err();
        assert!(matches!(error, GraphError::AnswerLost { .. }), "{error:?}");
        assert_eq!(error.class(), RetryClass::Uncertain);
        assert_eq!(error.retry_wait(0), None);
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_uncertain() {
    for answer in [
        Answer::Json(200, json!({"messages": []})),
        Answer::Json(200, json!({"messages": [{"id": "not an id"}]})),
        Answer::Text(200, "ok"),
    ] {
        let (result, _) = send(answer).await;
        let error = result.unwrap_err();
        assert!(matches!(error, GraphError::Unreadable { .. }), "{error:?}");
        assert_eq!(error.class(), RetryClass::Uncertain);
    }
}

#[tokio::test]
async fn a_refused_connection_is_safe_to_repeat() {
    // Bound but not listening: the port is ours and refuses connections.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let graph = graph(socket.local_addr().unwrap());
    let message = Wamid::parse("wamid.A").unwrap();
    let error = graph
        .mark_read(&token(), &number(), &message, false)
        .await
        .unwrap_err();
    assert!(matches!(error, GraphError::NotSent { .. }), "{error:?}");
    assert!(error.retry_wait(0).is_some());
}

#[tokio::test]
async fn reading_and_typing_are_one_call() {
    let (address, requests) = stand_in(vec![Answer::Json(200, json!({"success": true}))]);
    let message = Wamid::parse("wamid.A").unwrap();
    graph(address)
        .mark_read(&token(), &number(), &message, true)
        .await
        .unwrap();
    let body: Value = serde_json::from_str(&requests.recv().unwrap().body).unwrap();
    assert_eq!(
        body,
        json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.A",
            "typing_indicator": {"type": "text"}})
    );
}

#[tokio::test]
async fn numbers_are_listed_over_all_pages_without_following_links() {
    let (address, requests) = stand_in(vec![
        Answer::Json(
            200,
            json!({"data": [{"id": "1", "verified_name": "Shop", "throughput": {"level": "HIGH"}}],
                "paging": {"cursors": {"before": "a", "after": "b"}, "next": "https://elsewhere/"}}),
        ),
        Answer::Json(
            200,
            json!({"data": [{"id": 2}], "paging": {"cursors": {"after": "c"}}}),
        ),
    ]);
    let waba = WabaId::parse("102").unwrap();
    let numbers = graph(address).phone_numbers(&token(), &waba).await.unwrap();
    let ids: Vec<_> = numbers.iter().map(|number| number.id.as_str()).collect();
    assert_eq!(ids, ["1", "2"]);
    assert_eq!(numbers[0].throughput_level.as_deref(), Some("HIGH"));
    let asked: Vec<_> = requests.iter().map(|asked| asked.head).collect();
    assert!(asked[0].starts_with("GET /v26.0/102/phone_numbers?fields="));
    assert!(asked[1].contains("&after=b "));
}

#[tokio::test]
async fn apps_are_subscribed_and_listed() {
    let (address, _requests) = stand_in(vec![
        Answer::Json(200, json!({"success": true})),
        Answer::Json(
            200,
            json!({"data": [{"whatsapp_business_api_data": {"id": "7", "link": "l", "name": "n"},
                "override_callback_uri": "https://x/"}]}),
        ),
    ]);
    let (graph, waba) = (graph(address), WabaId::parse("102").unwrap());
    graph.subscribe_app(&token(), &waba).await.unwrap();
    let apps = graph.subscribed_apps(&token(), &waba).await.unwrap();
    assert_eq!(apps[0].id, MetaAppId::parse("7").unwrap());
    assert_eq!(apps[0].override_callback_uri.as_deref(), Some("https://x/"));
}

#[tokio::test]
async fn a_token_tells_what_it_may_do() {
    let (address, requests) = stand_in(vec![Answer::Json(
        200,
        json!({"data": {"is_valid": true, "app_id": "7", "type": "SYSTEM_USER", "expires_at": 0,
            "scopes": ["whatsapp_business_messaging"],
            "granular_scopes": [{"scope": "whatsapp_business_messaging", "target_ids": ["102"]}]}}),
    )]);
    let info = graph(address)
        .debug_token(&Secret::from("7|s"), &token())
        .await
        .unwrap();
    assert!(info.is_valid);
    assert_eq!(info.expires_at, None);
    assert_eq!(info.granular_scopes[0].target_ids, ["102"]);
    let head = requests.recv().unwrap().head;
    assert!(head.starts_with("GET /v26.0/debug_token?input_token=EAAG-token "));
}
