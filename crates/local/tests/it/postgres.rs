//! A private `PostgreSQL`, asked through `psql`.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sb_local::{LocalError, PostgresOptions, PostgresServer};
use tempfile::tempdir;
use tokio::process::Command;

pub(crate) async fn query(server: &PostgresServer, sql: &str) -> String {
    let output = Command::new("psql")
        .args(["-X", "-A", "-t", "-c", sql, &server.url("postgres")])
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn start(dir: &Path) -> PostgresServer {
    PostgresServer::start(dir, PostgresOptions::throwaway())
        .await
        .unwrap()
}

#[tokio::test]
async fn committed_rows_survive_a_kill_and_a_stop() {
    let dir = tempdir().unwrap();
    let mut server = start(dir.path()).await;
    let url = server.url("postgres");
    query(&server, "CREATE TABLE kept (id int)").await;
    query(&server, "INSERT INTO kept VALUES (1)").await;

    let pid = server.pid().unwrap();
    server.kill().await.unwrap();
    assert_eq!(server.pid(), None);
    server.restart().await.unwrap();
    assert_ne!(server.pid(), Some(pid));
    query(&server, "INSERT INTO kept VALUES (2)").await;

    server.stop().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(query(&server, "SELECT count(*) FROM kept").await, "2");
    assert_eq!(server.url("postgres"), url, "clients must find it again");
}

#[tokio::test]
async fn the_next_run_finds_data_and_address_of_the_last() {
    let dir = tempdir().unwrap();
    let first = start(dir.path()).await;
    query(&first, "CREATE TABLE kept (id int)").await;
    let url = first.url("postgres");
    drop(first);
    let second = start(dir.path()).await;
    assert_eq!(second.url("postgres"), url);
    assert_eq!(query(&second, "SELECT count(*) FROM kept").await, "0");
}

#[tokio::test]
async fn two_servers_run_side_by_side_in_paths_with_blanks() {
    let dir = tempdir().unwrap();
    let (left, right) = (dir.path().join("left side"), dir.path().join("right side"));
    let (left, right) = tokio::join!(start(&left), start(&right));
    assert_ne!(left.port(), right.port());
    query(&left, "CREATE TABLE only_left (id int)").await;
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'only_left'";
    assert_eq!(query(&right, tables).await, "0");
}

#[tokio::test]
async fn a_directory_below_one_that_is_closed_to_others_works() {
    let outer = tempdir().unwrap();
    std::fs::set_permissions(outer.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut server = start(&outer.path().join("server")).await;
    assert_eq!(query(&server, "SELECT 1").await, "1");
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(query(&server, "SELECT 1").await, "1");
}

#[tokio::test]
async fn a_directory_in_use_is_refused() {
    let dir = tempdir().unwrap();
    let _server = start(dir.path()).await;
    let error = PostgresServer::start(dir.path(), PostgresOptions::throwaway())
        .await
        .unwrap_err();
    assert!(matches!(error, LocalError::InUse { .. }), "{error}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_only_if_it_was_asked_for() {
    let dir = tempdir().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = listener.local_addr().unwrap().port();
    let options = PostgresOptions {
        port: Some(taken),
        ..PostgresOptions::throwaway()
    };
    let error = PostgresServer::start(dir.path(), options)
        .await
        .unwrap_err();
    assert!(
        matches!(error, LocalError::PortTaken { port, .. } if port == taken),
        "{error}"
    );

    std::fs::write(dir.path().join("port"), taken.to_string()).unwrap();
    assert_ne!(start(dir.path()).await.port(), taken);
}

#[tokio::test]
async fn a_pid_file_whose_number_belongs_to_somebody_else_is_ignored() {
    let dir = tempdir().unwrap();
    let mut server = start(dir.path()).await;
    server.kill().await.unwrap();
    let pid_file = dir.path().join("data/postmaster.pid");
    let stale = std::fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = stale.split_once('\n').unwrap();
    std::fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();
    drop(server);
    let server = start(dir.path()).await;
    assert_eq!(query(&server, "SELECT 1").await, "1");
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let dir = tempdir().unwrap();
    let mut server = start(dir.path()).await;
    server.stop().await.unwrap();
    std::fs::write(dir.path().join("data/pg_hba.conf"), "nonsense\n").unwrap();
    let error = server.restart().await.unwrap_err().to_string();
    assert!(error.contains("pg_hba.conf"), "{error}");
}

#[tokio::test]
async fn the_password_is_needed() {
    let dir = tempdir().unwrap();
    let server = start(dir.path()).await;
    let url = format!(
        "postgres://postgres:wrong@127.0.0.1:{}/postgres",
        server.port()
    );
    let output = Command::new("psql")
        .args(["-X", "-c", "SELECT 1", &url])
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
}
