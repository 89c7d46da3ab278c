//! A private `PostgreSQL` server.

mod cluster;

use std::path::Path;

use crate::error::LocalError;
use crate::port::PortChoice;
use crate::process::Process;
use cluster::Cluster;

/// How a private `PostgreSQL` is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Whether a commit waits for the disk. Without it a power failure corrupts the data, but a
    /// killed server does not: for tests.
    pub durable: bool,
    /// Port to listen on; `None` takes that of the previous run if it is free, otherwise any.
    pub port: Option<u16>,
    /// Memory for cached pages, in megabytes.
    pub shared_buffers_mb: u32,
    /// Connections the server accepts.
    pub max_connections: u32,
}

impl Default for PostgresOptions {
    /// Durable, any port, sized for a laptop.
    fn default() -> Self {
        Self {
            durable: true,
            port: None,
            shared_buffers_mb: 256,
            max_connections: 200,
        }
    }
}

impl PostgresOptions {
    /// Returns the options for data that may be lost with the machine: tests.
    pub fn throwaway() -> Self {
        Self {
            durable: false,
            ..Self::default()
        }
    }
}

/// A private `PostgreSQL` server on the loopback interface; killed when dropped.
///
/// The only login is the superuser `postgres`, with a password made for this directory: other
/// accounts of the machine can reach the port, and a superuser can run programs.
#[derive(Debug)]
pub struct PostgresServer {
    cluster: Cluster,
    port: u16,
    process: Option<Process>,
}

impl PostgresServer {
    /// Starts a server on the data in `dir`, which is created if it is new.
    ///
    /// # Errors
    /// [`LocalError::NotInstalled`] without `PostgreSQL`, [`LocalError::InUse`] when another process
    /// holds the directory, [`LocalError::PortTaken`] for a port that was asked for; otherwise what
    /// kept the server from starting, with the end of its log.
    pub async fn start(dir: &Path, options: PostgresOptions) -> Result<Self, LocalError> {
        let asked = options.port;
        let mut cluster = Cluster::open(dir, options).await?;
        let mut ports = cluster.directory().port_choice(asked);
        let (process, port) = cluster.launch(&mut ports).await?;
        cluster.directory().remember_port(port)?;
        tracing::info!(server.port = port, server.dir = %dir.display(), "postgres is ready");
        Ok(Self {
            cluster,
            port,
            process: Some(process),
        })
    }

    /// Returns the URL of a database of this server, password included.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/{database}",
            self.cluster.password(),
            self.port
        )
    }

    /// Returns the port the server listens on, the same for its whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the id of the server's main process while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Kills all processes of the server at once, as a crash would.
    ///
    /// # Errors
    /// [`LocalError::Unkillable`] if one does not end.
    pub async fn kill(&mut self) -> Result<(), LocalError> {
        match self.process.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Shuts the server down; connections are closed, data is written.
    ///
    /// # Errors
    /// [`LocalError::Unkillable`] if it does not end, not even by force.
    pub async fn stop(&mut self) -> Result<(), LocalError> {
        match self.process.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// Starts the server again on the same port and data, after [`Self::kill`], after
    /// [`Self::stop`], or from the running state.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn restart(&mut self) -> Result<(), LocalError> {
        self.stop().await?;
        let mut ports = PortChoice::Fixed(self.port);
        let (process, _) = self.cluster.launch(&mut ports).await?;
        self.process = Some(process);
        Ok(())
    }
}
