//! What happens to the servers when the process that started them is killed.
//!
//! The victim is this test binary itself, run again for one ignored-by-default role: a test that
//! starts both servers and then waits to be killed.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sb_local::{NatsServer, PostgresOptions, PostgresServer};
use tempfile::tempdir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::nats;
use crate::postgres::query;

const ROLE: &str = "starter_dies::plays_the_starter";
/// The starter works in this subdirectory of its working directory, if there is one: so an ordinary
/// test run passes it by.
const STAGE: &str = "stage-of-the-starter";

#[tokio::test]
async fn plays_the_starter() {
    let stage = PathBuf::from(STAGE);
    if !stage.exists() {
        return;
    }
    let postgres = PostgresServer::start(&stage.join("postgres"), PostgresOptions::throwaway())
        .await
        .unwrap();
    let nats = nats::start(&stage.join("nats")).await;
    query(&postgres, "CREATE TABLE kept (id int)").await;
    println!(
        "\nstarted {} {}",
        postgres.pid().unwrap(),
        nats.pid().unwrap()
    );
    // Until the end of the input, that is, for ever: the other side kills this process.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Starts the starter and returns it with the ids of its two servers.
async fn starter(dir: &Path) -> (Child, [u32; 2]) {
    std::fs::create_dir(dir.join(STAGE)).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", ROLE, "--nocapture"])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(pids) = line.strip_prefix("started ") {
            let (postgres, nats) = pids.split_once(' ').unwrap();
            return (child, [postgres.parse().unwrap(), nats.parse().unwrap()]);
        }
    }
    panic!("the starter ended early");
}

fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit_once(')')
            .unwrap()
            .1
            .trim_start()
            .starts_with('Z')
    })
}

#[tokio::test]
async fn servers_shut_down_when_their_starter_is_killed() {
    let dir = tempdir().unwrap();
    let (mut child, pids) = starter(dir.path()).await;
    assert!(pids.into_iter().all(is_alive));
    child.kill().await.unwrap();
    let all_gone = async {
        while pids.into_iter().any(is_alive) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), all_gone)
        .await
        .expect("a server outlived its starter");
}

#[tokio::test]
async fn the_next_start_takes_over_from_a_killed_starter_at_once() {
    let dir = tempdir().unwrap();
    let (mut child, _) = starter(dir.path()).await;
    child.kill().await.unwrap();
    let stage = dir.path().join(STAGE);
    let postgres = PostgresServer::start(&stage.join("postgres"), PostgresOptions::throwaway())
        .await
        .unwrap();
    assert_eq!(query(&postgres, "SELECT count(*) FROM kept").await, "0");
    let _nats: NatsServer = nats::start(&stage.join("nats")).await;
}
