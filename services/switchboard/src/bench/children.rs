//! Services as child processes, and what they cost.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};

const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// Kernel ticks a second in `/proc/<pid>/stat`: fixed at 100 on Linux for user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running service.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    baseline: f64,
}

/// A free address on this machine.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The program for `switchboard <arguments>`, and what it takes.
fn program<'a>(switchboard: &Path, arguments: &'a [&'a str]) -> (PathBuf, &'a [&'a str]) {
    if let ["serve", service, rest @ ..] = arguments {
        let deployed = switchboard.with_file_name(service);
        if deployed.is_file() {
            return (deployed, rest);
        }
    }
    (switchboard.to_path_buf(), arguments)
}

impl Service {
    /// Starts `switchboard <arguments>` with exactly these variables and waits until it is ready. What it would
    /// serve is started as the program it is deployed as, if that stands beside this one.
    pub(crate) async fn start(
        name: &'static str,
        arguments: &[&str],
        variables: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let ops = free_address()?;
        let (program, arguments) = program(&std::env::current_exe()?, arguments);
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(variables.iter().cloned())
            .env("SWITCHBOARD__OPS__BIND", ops.to_string())
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let mut service = Self {
            name,
            child,
            baseline: 0.0,
        };
        service.wait_until_ready(ops).await?;
        service.baseline = cpu_seconds(service.pid());
        Ok(service)
    }

    async fn wait_until_ready(&mut self, ops: SocketAddr) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + READY_TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it was ready", self.name);
            }
            if is_ready(ops).await {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                bail!("{} was not ready after {READY_TIMEOUT:?}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// CPU seconds since it was ready.
    pub(crate) fn cpu(&self) -> f64 {
        cpu_seconds(self.pid()) - self.baseline
    }

    /// The most memory it ever had, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        peak_mib(self.pid())
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child
            .kill()
            .await
            .with_context(|| format!("stopping {}", self.name))
    }
}

async fn is_ready(ops: SocketAddr) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let probe = async {
        let mut stream = tokio::net::TcpStream::connect(ops).await?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n")
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<bool, std::io::Error>(answer.starts_with("HTTP/1.1 200"))
    };
    matches!(
        tokio::time::timeout(Duration::from_secs(3), probe).await,
        Ok(Ok(true))
    )
}

/// User and system time of a process, in seconds; 0 when it is gone.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |(_, ticks)| ticks / TICKS_PER_SECOND)
}

/// The same over a process and its children.
pub(crate) fn cpu_seconds_of_tree(root: u32) -> f64 {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return 0.0;
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .filter(|(pid, (parent, _))| *pid == root || *parent == root)
        .map(|(_, (_, ticks))| ticks / TICKS_PER_SECOND)
        .sum()
}

/// Parent and ticks of a process. The name may contain anything: what counts comes after its `)`.
fn stat(pid: u32) -> Option<(u32, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((fields.get(1)?.parse().ok()?, ticks(11)? + ticks(12)?))
}

fn peak_mib(pid: u32) -> f64 {
    std::fs::read_to_string(format!("/proc/{pid}/status"))
        .ok()
        .and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().trim_end_matches(" kB").parse::<f64>().ok()
        })
        .map_or(0.0, |kib| kib / 1_024.0)
}
