//! One service as a real process that can be killed.

use std::fmt::{self, Display, Formatter};
use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sb_egress::Method;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::binary::switchboard;
use crate::http::Http;
use crate::port::free_address;
use crate::waiting::until;

/// A debug build on a loaded small machine takes its time.
const READY_TIMEOUT: Duration = Duration::from_mins(1);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Lines of a log that are shown when a test fails.
const TAIL_LINES: usize = 30;

/// The services these tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceName {
    /// Stands in for Meta. Never killed: Meta's own failures are its switches.
    Simulator,
    /// Accepts webhooks and ingests them.
    WhatsappWebhook,
    /// Answers.
    AgentClient,
    /// Sends.
    WhatsappDispatcher,
    /// The API and the event stream.
    Gateway,
    /// Reads files.
    Annotator,
    /// Refreshes numbers.
    WhatsappManager,
}

impl ServiceName {
    /// Every service of the product, without the simulator.
    pub const PRODUCT: [Self; 6] = [
        Self::WhatsappWebhook,
        Self::AgentClient,
        Self::WhatsappDispatcher,
        Self::Gateway,
        Self::Annotator,
        Self::WhatsappManager,
    ];

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::WhatsappWebhook => "whatsapp-webhook",
            Self::AgentClient => "agent-client",
            Self::WhatsappDispatcher => "whatsapp-dispatcher",
            Self::Gateway => "gateway",
            Self::Annotator => "annotator",
            Self::WhatsappManager => "whatsapp-manager",
        }
    }

    /// The variable that says where it listens, for those that have a listener of their own.
    const fn bind_variable(self) -> Option<&'static str> {
        match self {
            Self::Simulator => Some("SWITCHBOARD__SIMULATOR__BIND"),
            Self::WhatsappWebhook => Some("SWITCHBOARD__WEBHOOK__BIND"),
            Self::Gateway => Some("SWITCHBOARD__GATEWAY__BIND"),
            Self::WhatsappManager => Some("SWITCHBOARD__MANAGER__BIND"),
            Self::AgentClient | Self::WhatsappDispatcher | Self::Annotator => None,
        }
    }
}

impl Display for ServiceName {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A service's place: where it listens, what it is told, where it logs. Keeps all of that over restarts.
#[derive(Debug)]
pub struct ServiceProcess {
    name: ServiceName,
    address: SocketAddr,
    ops: SocketAddr,
    log: PathBuf,
    http: Http,
    child: Option<Child>,
}

impl ServiceProcess {
    /// A place with addresses of its own; nothing runs there yet.
    ///
    /// # Errors
    /// When no port is free.
    pub fn new(name: ServiceName, logs: &Path, http: Http) -> anyhow::Result<Self> {
        Ok(Self {
            name,
            address: free_address()?,
            ops: free_address()?,
            log: logs.join(format!("{name}.log")),
            http,
            child: None,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts the process and waits until it says that it is ready.
    ///
    /// # Errors
    /// When it cannot be started, ends, or is not ready in time.
    pub async fn start(&mut self, variables: &[(String, String)]) -> anyhow::Result<()> {
        ensure!(self.child.is_none(), "{} runs already", self.name);
        let log = self.open_log()?;
        let mut command = Command::new(switchboard()?);
        command
            .args(["serve", self.name.as_str()])
            .env_clear()
            .envs(variables.iter().cloned())
            .env("SWITCHBOARD__OPS__BIND", self.ops.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        if let Some(variable) = self.name.bind_variable() {
            command.env(variable, self.address.to_string());
        }
        self.child = Some(
            command
                .spawn()
                .with_context(|| format!("starting {}", self.name))?,
        );
        self.wait_until_ready().await
    }

    fn open_log(&self) -> anyhow::Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("opening {}", self.log.display()))
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let what = format!("{} is ready", self.name);
        until(&what, READY_TIMEOUT, async || {
            self.check_running()?;
            // Its own listener as well: whoever is told that it is ready will call there.
            Ok(self.says_it_is_ready().await && self.is_listening().await)
        })
        .await
    }

    async fn says_it_is_ready(&self) -> bool {
        let url = format!("http://{}/readyz", self.ops);
        let request = self.http.request(Method::GET, &url).timeout(PROBE_TIMEOUT);
        self.http
            .send("GET /readyz", request)
            .await
            .is_ok_and(|answer| answer.status == 200)
    }

    async fn is_listening(&self) -> bool {
        self.name.bind_variable().is_none() || TcpStream::connect(self.address).await.is_ok()
    }

    /// Fails when the process has ended by itself.
    ///
    /// # Errors
    /// When it is not running.
    pub fn check_running(&mut self) -> anyhow::Result<()> {
        let name = self.name;
        match self.child.as_mut().map(Child::try_wait) {
            None => bail!("{name} was not started"),
            Some(Ok(None)) => Ok(()),
            Some(Ok(Some(status))) => bail!("{name} ended by itself: {status}"),
            Some(Err(error)) => Err(error).with_context(|| format!("looking after {name}")),
        }
    }

    /// The most memory it ever had, in MiB.
    ///
    /// # Errors
    /// When it is not running.
    pub fn peak_mib(&self) -> anyhow::Result<u64> {
        let pid = self.child.as_ref().and_then(Child::id);
        let pid = pid.with_context(|| format!("{} is not running", self.name))?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.context("the kernel does not tell the peak")?;
        Ok(peak.trim().trim_end_matches(" kB").parse::<u64>()? / 1_024)
    }

    /// Kills it without warning (SIGKILL).
    ///
    /// # Errors
    /// When it had ended by itself before.
    pub async fn kill9(&mut self) -> anyhow::Result<()> {
        self.check_running()?;
        if let Some(mut child) = self.child.take() {
            child
                .kill()
                .await
                .with_context(|| format!("killing {}", self.name))?;
        }
        Ok(())
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// When it had ended by itself before.
    pub async fn terminate(&mut self) -> anyhow::Result<()> {
        self.check_running()?;
        let pid = self
            .child
            .as_ref()
            .and_then(Child::id)
            .context("the process has no id")?;
        let status = Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status()
            .await?;
        ensure!(status.success(), "sending SIGTERM to {}", self.name);
        Ok(())
    }

    /// Waits until a process that was asked to has ended.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn ended(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let child = self.child.as_mut().context("nothing runs here")?;
        let status = tokio::time::timeout(patience, child.wait())
            .await
            .with_context(|| format!("{} has not ended after {patience:?}", self.name))??;
        self.child = None;
        Ok(status)
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}
