//! Processes as the kernel shows them: who is alive, whose children, started with which arguments.
//!
//! Only Linux has `/proc`; elsewhere nothing is found, and orphans are left to their own devices.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::LocalError;

const POLL: Duration = Duration::from_millis(10);
const ORDERLY_TIMEOUT: Duration = Duration::from_secs(15);
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// Signal that tells either server to shut down now, in good order.
pub(crate) const SHUTDOWN_SIGNAL: &str = "INT";

/// Sends a signal; a process that is already gone is no error.
///
/// The shell has `kill` built in, the program of that name is not installed everywhere.
pub(crate) fn signal(name: &str, pids: &[u32]) {
    let sent = Command::new("/bin/sh")
        .args(["-c", "kill -s \"$@\"", "sh", name])
        .args(pids.iter().map(u32::to_string))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(error) = sent {
        tracing::warn!(signal = name, error = %error, "sending a signal failed");
    }
}

/// Whether the process exists and is not a zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    status(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// Returns the direct children of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| status(*pid).is_some_and(|(_, of)| of == parent))
        .collect()
}

/// Stops a server that outlived the process which started it, if `pid` really is that server.
///
/// A pid file alone proves nothing (ids are reused); the path on the command line does.
pub(crate) async fn stop_orphan(pid: u32, argument: &Path) -> Result<(), LocalError> {
    if !is_alive(pid) || !was_started_with(pid, argument) {
        return Ok(());
    }
    tracing::info!(
        process.pid = pid,
        "stopping a server that outlived its starter"
    );
    let mut family = children(pid);
    family.push(pid);
    signal(SHUTDOWN_SIGNAL, &[pid]);
    if wait_gone(&[pid], ORDERLY_TIMEOUT).await.is_ok() {
        return Ok(());
    }
    signal("KILL", &family);
    wait_gone(&family, KILL_TIMEOUT).await
}

/// Waits until none of the processes is alive.
pub(crate) async fn wait_gone(pids: &[u32], timeout: Duration) -> Result<(), LocalError> {
    let deadline = Instant::now() + timeout;
    while let Some(pid) = pids.iter().copied().find(|pid| is_alive(*pid)) {
        if Instant::now() >= deadline {
            return Err(LocalError::Unkillable { pid });
        }
        sleep(POLL).await;
    }
    Ok(())
}

/// Waits until a process that was told to end has ended.
pub(crate) async fn wait_killed(pids: &[u32]) -> Result<(), LocalError> {
    wait_gone(pids, KILL_TIMEOUT).await
}

fn was_started_with(pid: u32, argument: &Path) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
        line.split(|byte| *byte == 0)
            .any(|word| word == argument.as_os_str().as_bytes())
    })
}

/// Returns state and parent of a process.
fn status(pid: u32) -> Option<(char, u32)> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads `pid (name) state parent …`; the name may itself contain blanks and parentheses.
fn parse_stat(line: &str) -> Option<(char, u32)> {
    let (_, rest) = line.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some((state, parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_parentheses_is_read() {
        assert_eq!(parse_stat("12 (a) (b c) S 7 12 12 0"), Some(('S', 7)));
        assert_eq!(parse_stat("12 (a"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn this_process_is_alive_and_an_impossible_one_is_not() {
        assert!(is_alive(std::process::id()));
        assert!(!is_alive(u32::MAX));
    }

    #[tokio::test]
    async fn a_foreign_process_with_the_recorded_id_is_left_alone() {
        let mut foreign = Command::new("sleep").arg("60").spawn().unwrap();
        stop_orphan(foreign.id(), Path::new("/somewhere/data"))
            .await
            .unwrap();
        assert!(is_alive(foreign.id()));
        foreign.kill().unwrap();
        foreign.wait().unwrap();
    }

    #[tokio::test]
    async fn an_orphan_is_recognised_by_its_argument_and_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let mut orphan = Command::new("/bin/sh")
            .args(["-c", "sleep 60; exit 0", "sh"])
            .arg(dir.path())
            .spawn()
            .unwrap();
        let pid = orphan.id();
        // The kernel shows the arguments a moment after the start, the child a moment later.
        while !was_started_with(pid, dir.path()) || children(pid).is_empty() {
            sleep(POLL).await;
        }
        signal("KILL", &children(pid));
        stop_orphan(pid, dir.path()).await.unwrap();
        // It may have been ending by itself already: then it was left alone, and is gone in a moment.
        while is_alive(pid) {
            sleep(POLL).await;
        }
        orphan.wait().unwrap();
    }
}
