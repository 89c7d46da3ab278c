//! A private nats-server, asked in its own line protocol.

use std::path::Path;
use std::time::Duration;

use sb_local::{LocalError, NatsOptions, NatsServer};
use tempfile::tempdir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

const STREAM: &str = r#"{"name":"KEPT","subjects":["kept.>"],"storage":"file"}"#;

pub(crate) async fn start(dir: &Path) -> NatsServer {
    NatsServer::start(dir, NatsOptions::default())
        .await
        .unwrap()
}

/// Sends a request and returns the payload of the answer.
async fn request(server: &NatsServer, subject: &str, payload: &str) -> String {
    let stream = TcpStream::connect(("127.0.0.1", server.port()))
        .await
        .unwrap();
    let (reader, mut writer) = stream.into_split();
    let length = payload.len();
    let commands = format!(
        "CONNECT {{\"verbose\":false}}\r\nSUB answers 1\r\nPUB {subject} answers {length}\r\n{payload}\r\n"
    );
    writer.write_all(commands.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(reader).lines();
    let answer = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("MSG answers") {
                return lines.next_line().await.unwrap().unwrap();
            }
        }
        panic!("the server closed the connection");
    };
    timeout(Duration::from_secs(10), answer).await.unwrap()
}

#[tokio::test]
async fn acknowledged_messages_survive_a_kill_and_a_stop() {
    let dir = tempdir().unwrap();
    let mut server = start(dir.path()).await;
    let url = server.url();
    request(&server, "$JS.API.STREAM.CREATE.KEPT", STREAM).await;
    let acked = request(&server, "kept.first", "hello").await;
    assert!(acked.contains("\"seq\":1"), "{acked}");

    server.kill().await.unwrap();
    assert_eq!(server.pid(), None);
    server.restart().await.unwrap();
    let acked = request(&server, "kept.second", "hello").await;
    assert!(acked.contains("\"seq\":2"), "{acked}");

    server.stop().await.unwrap();
    server.restart().await.unwrap();
    let info = request(&server, "$JS.API.STREAM.INFO.KEPT", "").await;
    assert!(info.contains("\"messages\":2"), "{info}");
    assert_eq!(server.url(), url, "clients must find it again");
}

#[tokio::test]
async fn two_servers_run_side_by_side_in_paths_with_blanks() {
    let dir = tempdir().unwrap();
    let (left, right) = (
        dir.path().join("left side"),
        dir.path().join("right \"side\""),
    );
    let (left, right) = tokio::join!(start(&left), start(&right));
    assert_ne!(left.port(), right.port());
    request(&left, "$JS.API.STREAM.CREATE.KEPT", STREAM).await;
    let info = request(&right, "$JS.API.STREAM.INFO.KEPT", "").await;
    assert!(info.contains("stream not found"), "{info}");
}

#[tokio::test]
async fn a_directory_in_use_is_refused() {
    let dir = tempdir().unwrap();
    let _server = start(dir.path()).await;
    let error = NatsServer::start(dir.path(), NatsOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, LocalError::InUse { .. }), "{error}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_only_if_it_was_asked_for() {
    let dir = tempdir().unwrap();
    let other_dir = tempdir().unwrap();
    let other = start(other_dir.path()).await;
    let options = NatsOptions {
        port: Some(other.port()),
        ..NatsOptions::default()
    };
    let error = NatsServer::start(dir.path(), options).await.unwrap_err();
    assert!(matches!(error, LocalError::PortTaken { .. }), "{error}");

    std::fs::write(dir.path().join("port"), other.port().to_string()).unwrap();
    assert_ne!(start(dir.path()).await.port(), other.port());
}
