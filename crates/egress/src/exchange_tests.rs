//! What callers learn about a request whose answer did not come, against real sockets.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use crate::{Egress, EgressError, Response, StatusCode};
use futures::StreamExt as _;
use sb_config::EgressSettings;

fn egress() -> Egress {
    Egress::new(&EgressSettings::default()).unwrap()
}

/// Accepts connections one after the other, reads a request head from each and hands over.
fn serve(behaviour: impl Fn(TcpStream, String) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.extend_from_slice(&byte);
            }
            behaviour(stream, String::from_utf8(head).unwrap());
        }
    });
    address
}

fn answer(body: &'static str) -> SocketAddr {
    serve(move |mut stream, _| {
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
    })
}

async fn get(address: SocketAddr) -> Result<Response, EgressError> {
    egress()
        .get(format!("http://{address}/"))
        .trusted()
        .send("test.get")
        .await
}

#[tokio::test]
async fn a_refused_connection_is_known_to_have_sent_nothing() {
    // Bound but not listening: the port is ours and refuses connections.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = get(socket.local_addr().unwrap()).await.unwrap_err();
    assert!(matches!(error, EgressError::Connect { .. }), "{error:?}");
    assert!(error.certainly_not_sent());
}

#[tokio::test]
async fn an_unknown_host_is_known_to_have_sent_nothing() {
    let request = egress().get("http://does-not-exist.invalid/").trusted();
    let error = request.send("test.get").await.unwrap_err();
    assert!(matches!(error, EgressError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_come_about_is_known_to_have_sent_nothing() {
    // The server waits for an end of headers that no handshake has.
    let address = serve(|stream, _| drop(stream));
    let settings = EgressSettings {
        connect_timeout_ms: 200,
        ..Default::default()
    };
    let egress = Egress::new(&settings).unwrap();
    let request = egress.get(format!("https://{address}/")).trusted();
    let error = request.send("test.get").await.unwrap_err();
    assert!(matches!(error, EgressError::Connect { .. }), "{error:?}");
    assert!(error.certainly_not_sent());
}

#[tokio::test]
async fn a_connection_closed_after_the_request_is_a_lost_answer() {
    let address = serve(|stream, _| drop(stream));
    let error = get(address).await.unwrap_err();
    assert!(
        matches!(error, EgressError::Interrupted { .. }),
        "{error:?}"
    );
    assert!(error.is_answer_lost());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_lost_answer() {
    let address = serve(|mut stream, _| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
            .unwrap();
    });
    let response = get(address).await.unwrap();
    let error = response.bytes_limited(100).await.unwrap_err();
    assert!(
        matches!(error, EgressError::Interrupted { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_timeout() {
    let address = serve(|mut stream, _| {
        // Ends when the client gives up.
        while stream.read(&mut [0]).unwrap_or(0) > 0 {}
    });
    let request = egress()
        .post(format!("http://{address}/"))
        .trusted()
        .json(&1);
    let error = request
        .timeout(Duration::from_millis(200))
        .send("test.post")
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::Timeout { .. }), "{error:?}");
    assert!(error.is_answer_lost());
}

#[tokio::test]
async fn a_body_that_stalls_is_a_timeout() {
    let address = serve(|mut stream, _| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
            .unwrap();
        let _ = stream.read(&mut [0]);
    });
    let request = egress().get(format!("http://{address}/")).trusted();
    let response = request
        .timeout(Duration::from_millis(200))
        .send("test.get")
        .await
        .unwrap();
    let error = response.bytes_limited(100).await.unwrap_err();
    assert!(matches!(error, EgressError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn private_addresses_are_refused_unless_the_operator_trusts_them() {
    let address = answer("{}");
    let literal = egress()
        .get(format!("http://{address}/"))
        .send("test.get")
        .await
        .unwrap_err();
    assert!(
        matches!(literal, EgressError::Guarded { .. }),
        "{literal:?}"
    );
    let url = format!("http://localhost:{}/", address.port());
    let name = egress().get(url).send("test.get").await.unwrap_err();
    assert!(
        matches!(
            name,
            EgressError::Guarded {
                address: Some(_),
                ..
            }
        ),
        "{name:?}"
    );
    assert!(name.certainly_not_sent());
    assert!(get(address).await.is_ok());
}

#[tokio::test]
async fn exempt_hosts_are_reached_without_trust() {
    let address = answer("{}");
    for settings in [
        EgressSettings {
            allow_private_addresses: true,
            ..Default::default()
        },
        EgressSettings {
            allowed_hosts: "localhost".to_owned(),
            ..Default::default()
        },
    ] {
        let egress = Egress::new(&settings).unwrap();
        let url = format!("http://localhost:{}/", address.port());
        assert_eq!(
            egress.get(url).send("test.get").await.unwrap().status(),
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn redirects_are_answers_and_are_not_followed() {
    let address = serve(|mut stream, _| {
        let head =
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
    });
    assert_eq!(get(address).await.unwrap().status(), StatusCode::FOUND);
}

#[tokio::test]
async fn an_answer_above_the_limit_is_not_read_on() {
    let address = answer("0123456789");
    let error = get(address)
        .await
        .unwrap()
        .bytes_limited(9)
        .await
        .unwrap_err();
    assert!(
        matches!(error, EgressError::TooLarge { limit_bytes: 9, .. }),
        "{error:?}"
    );
    let chunked = serve(|mut stream, _| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream
            .write_all(b"8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n")
            .unwrap();
    });
    let error = get(chunked)
        .await
        .unwrap()
        .bytes_limited(9)
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn json_is_decoded_and_its_errors_do_not_quote_it() {
    let numbers: Vec<u8> = get(answer("[1,2]"))
        .await
        .unwrap()
        .json_limited(100)
        .await
        .unwrap();
    assert_eq!(numbers, [1, 2]);
    let wrong = get(answer("[\"+34600000000\"]")).await.unwrap();
    let error = wrong.json_limited::<Vec<u8>>(100).await.unwrap_err();
    assert!(
        matches!(error, EgressError::Decode { line: 1, .. }),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?}").contains("34600000000"));
}

#[tokio::test]
async fn a_body_can_be_read_as_it_arrives() {
    let mut stream = get(answer("hello")).await.unwrap().bytes_stream();
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        body.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(body, b"hello");
}

#[tokio::test]
async fn errors_do_not_quote_the_url() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!(
        "http://{}/v26.0/me?access_token=hunter2",
        socket.local_addr().unwrap()
    );
    let error = egress()
        .get(url)
        .trusted()
        .send("test.get")
        .await
        .unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("hunter2"),
        "{error:?}"
    );
    let malformed = egress()
        .get("not a url hunter2")
        .send("test.get")
        .await
        .unwrap_err();
    assert!(malformed.certainly_not_sent());
    assert!(
        !format!("{malformed} {malformed:?}").contains("hunter2"),
        "{malformed:?}"
    );
}

#[tokio::test]
async fn only_trusted_addresses_get_trace_headers() {
    let settings = sb_config::TelemetrySettings::default();
    let _guard = sb_telemetry::init(&settings, "test").unwrap();
    let (heads, received) = std::sync::mpsc::channel();
    let address = serve(move |mut stream, head| {
        heads.send(head).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .unwrap();
    });
    let settings = EgressSettings {
        allow_private_addresses: true,
        ..Default::default()
    };
    let egress = Egress::new(&settings).unwrap();
    let url = format!("http://{address}/");
    egress.get(&url).trusted().send("test.get").await.unwrap();
    assert!(received.recv().unwrap().contains("traceparent: 00-"));
    egress.get(&url).send("test.get").await.unwrap();
    assert!(!received.recv().unwrap().contains("traceparent"));
    assert!(sb_telemetry::metrics_text().contains("switchboard_egress_duration_seconds_count"));
}
