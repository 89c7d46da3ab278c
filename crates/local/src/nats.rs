//! A private nats-server with `JetStream`.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::account::Account;
use crate::binaries;
use crate::directory::{ServerDirectory, failed};
use crate::error::LocalError;
use crate::log::Log;
use crate::orphan;
use crate::port::PortChoice;
use crate::process::Process;

const PROGRAM: &str = "nats-server";
const POLL: Duration = Duration::from_millis(20);
/// Large streams are read back before the server is ready.
const READY_TIMEOUT: Duration = Duration::from_mins(2);
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a port of a previous life is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How a private nats-server is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsOptions {
    /// Whether an acknowledged message has reached the disk. Without it a power failure loses up to
    /// two minutes, a killed server nothing.
    pub sync_always: bool,
    /// Port to listen on; `None` takes that of the previous run if it is free, otherwise any.
    pub port: Option<u16>,
    /// Largest message, in megabytes.
    pub max_payload_mb: u32,
}

impl Default for NatsOptions {
    /// Fsync before every acknowledgement, any port, 4 MB messages: Meta's posts have up to 3 MB, and readers hold twice
    /// the largest message.
    fn default() -> Self {
        Self {
            sync_always: true,
            port: None,
            max_payload_mb: 4,
        }
    }
}

/// A private nats-server on the loopback interface; killed when dropped.
#[derive(Debug)]
pub struct NatsServer {
    directory: ServerDirectory,
    log: Log,
    program: PathBuf,
    options: NatsOptions,
    port: u16,
    process: Option<Process>,
}

impl NatsServer {
    /// Starts a server on the streams in `dir`, which is created if it is new.
    ///
    /// # Errors
    /// [`LocalError::NotInstalled`] without a nats-server of version 2.11 or newer,
    /// [`LocalError::InUse`] when another process holds the directory, [`LocalError::PortTaken`] for
    /// a port that was asked for; otherwise what kept the server from starting, with the end of its
    /// log.
    pub async fn start(dir: &Path, options: NatsOptions) -> Result<Self, LocalError> {
        let directory = ServerDirectory::open(dir)?;
        let program = binaries::find_nats(directory.path()).await?;
        let mut ports = directory.port_choice(options.port);
        let log = Log::new(directory.path().join("nats.log"));
        let mut server = Self {
            directory,
            log,
            program,
            options,
            port: 0,
            process: None,
        };
        server.clear_previous_run().await?;
        server.launch(&mut ports).await?;
        server.directory.remember_port(server.port)?;
        tracing::info!(server.port = server.port, server.dir = %dir.display(), "nats is ready");
        Ok(server)
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Returns the port the server listens on, the same for its whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the process id while the server runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Kills the server at once, as a crash would.
    ///
    /// # Errors
    /// [`LocalError::Unkillable`] if it does not end.
    pub async fn kill(&mut self) -> Result<(), LocalError> {
        match self.process.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Shuts the server down in good order.
    ///
    /// # Errors
    /// [`LocalError::Unkillable`] if it does not end, not even by force.
    pub async fn stop(&mut self) -> Result<(), LocalError> {
        match self.process.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// Starts the server again on the same port and streams, after [`Self::kill`], after
    /// [`Self::stop`], or from the running state.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn restart(&mut self) -> Result<(), LocalError> {
        self.stop().await?;
        self.launch(&mut PortChoice::Fixed(self.port)).await
    }

    async fn launch(&mut self, ports: &mut PortChoice) -> Result<(), LocalError> {
        let deadline = Instant::now() + BUSY_TIMEOUT;
        loop {
            self.port = ports.next();
            match self.launch_once().await {
                Ok(process) => {
                    self.process = Some(process);
                    return Ok(());
                }
                Err(error) if error.is_transient() && Instant::now() < deadline => {
                    tracing::debug!(error = %error, "trying again");
                    sleep(POLL).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn launch_once(&mut self) -> Result<Process, LocalError> {
        let config = self.config_path();
        fs::write(&config, self.config()).map_err(|source| failed("writing", &config, source))?;
        let log = self.log.begin_run()?;
        let mut command = Account::Caller
            .command(&self.program, self.directory.path())
            .await;
        command.arg("-c").arg(&config);
        let copy = log
            .try_clone()
            .map_err(|source| failed("opening the log of", &config, source))?;
        command.stdout(copy).stderr(log);
        let mut process = Process::spawn(PROGRAM, command).await?;
        let deadline = Instant::now() + READY_TIMEOUT;
        while !self.is_ready().await {
            if let Some(status) = process.exit_status()? {
                return Err(self.why_it_ended(&status.to_string()));
            }
            if Instant::now() >= deadline {
                let log = self.log.tail();
                return Err(LocalError::NotReady {
                    program: PROGRAM,
                    waited: READY_TIMEOUT,
                    log,
                });
            }
            sleep(POLL).await;
        }
        Ok(process)
    }

    fn config(&self) -> String {
        let sync = if self.options.sync_always {
            "sync_interval: always"
        } else {
            ""
        };
        format!(
            "# Written by sb-local at every start.\n\
             server_name: switchboard-local\n\
             listen: \"127.0.0.1:{port}\"\n\
             max_payload: {payload}MB\n\
             pid_file: {pid_file}\n\
             jetstream {{\n  store_dir: {store}\n  max_memory_store: 64MB\n  {sync}\n}}\n",
            port = self.port,
            payload = self.options.max_payload_mb,
            pid_file = quoted(&self.pid_path()),
            store = quoted(&self.directory.path().join("streams")),
        )
    }

    /// Its own log says that the streams are read back; a connection, that it listens.
    async fn is_ready(&self) -> bool {
        self.log.current_run().contains("Server is ready") && greets(self.port).await
    }

    fn why_it_ended(&self, status: &str) -> LocalError {
        if self.log.current_run().contains("address already in use") {
            return LocalError::PortTaken {
                program: PROGRAM,
                port: self.port,
            };
        }
        LocalError::Ended {
            program: PROGRAM,
            status: status.to_owned(),
            log: self.log.tail(),
        }
    }

    /// Stops a server that outlived its starter: two servers on one store destroy it.
    async fn clear_previous_run(&self) -> Result<(), LocalError> {
        let Ok(text) = fs::read_to_string(self.pid_path()) else {
            return Ok(());
        };
        match text.trim().parse() {
            Ok(pid) => orphan::stop_orphan(pid, &self.config_path()).await,
            Err(_) => Ok(()),
        }
    }

    fn config_path(&self) -> PathBuf {
        self.directory.path().join("nats.conf")
    }

    fn pid_path(&self) -> PathBuf {
        self.directory.path().join("nats.pid")
    }
}

/// Whether somebody on the port speaks the NATS protocol.
async fn greets(port: u16) -> bool {
    let greeting = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let mut start = [0; 4];
        stream.read_exact(&mut start).await?;
        std::io::Result::Ok(start)
    };
    matches!(timeout(GREETING_TIMEOUT, greeting).await, Ok(Ok(start)) if start == *b"INFO")
}

/// Quotes a path for the configuration file.
fn quoted(path: &Path) -> String {
    let text = path
        .to_string_lossy()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_for_the_configuration() {
        assert_eq!(quoted(Path::new("/a b/\"c\"")), "\"/a b/\\\"c\\\"\"");
    }

    #[tokio::test]
    async fn a_port_nobody_listens_on_does_not_greet() {
        assert!(!greets(1).await);
    }
}
