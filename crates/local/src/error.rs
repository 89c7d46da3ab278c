//! What can go wrong when a private server is started or stopped.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a private server could not be started, stopped or restarted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// No installed program fits.
    #[error("no usable {program} was found ({seen}); run deploy/local/install.sh")]
    NotInstalled {
        /// Program that was looked for, with the version it must have.
        program: &'static str,
        /// Where it was looked for, or what was found there.
        seen: String,
    },
    /// A program could not be started at all.
    #[error("starting {program}")]
    Launch {
        /// Program that was to be started.
        program: String,
        /// What the operating system answered.
        #[source]
        source: io::Error,
    },
    /// A file or directory of the server could not be prepared.
    #[error("{action} {path}")]
    File {
        /// What was attempted.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system answered.
        #[source]
        source: io::Error,
    },
    /// Another process runs a server in this directory.
    #[error("another process is using {path}; stop it first (is a `make run` still open?)")]
    InUse {
        /// Directory of the server.
        path: PathBuf,
    },
    /// The data belongs to a user this process cannot act for.
    #[error("{path} belongs to another user; remove it or run as that user")]
    ForeignData {
        /// Directory with the data.
        path: PathBuf,
    },
    /// `PostgreSQL` refuses root and there is nobody else to run it as.
    #[error(
        "PostgreSQL refuses to run as root, and neither `postgres` nor `nobody` can be used for it in \
         {path} (is setpriv installed?); run as an ordinary user"
    )]
    NoUnprivilegedUser {
        /// Directory of the server.
        path: PathBuf,
    },
    /// The data was written by a major version that is not installed.
    #[error(
        "{path} holds data of PostgreSQL {found}, which is not installed; install it or remove the directory"
    )]
    DataVersion {
        /// Directory with the data.
        path: PathBuf,
        /// Major version that wrote the data.
        found: u32,
    },
    /// The port is taken by somebody else.
    #[error("{program} cannot listen on port {port}: it is taken")]
    PortTaken {
        /// Server that was starting.
        program: &'static str,
        /// Port it was told to use.
        port: u16,
    },
    /// Processes of the previous life of the server have not ended yet.
    #[error("{program} cannot start yet: processes of its previous run still hold its memory")]
    PreviousRun {
        /// Server that was starting.
        program: &'static str,
    },
    /// The server ended before it was ready.
    #[error("{program} ended while it was starting ({status}); its last words:\n{log}")]
    Ended {
        /// Server that was starting.
        program: &'static str,
        /// How it ended.
        status: String,
        /// Last lines of its log.
        log: String,
    },
    /// The server runs but did not become ready.
    #[error("{program} was not ready after {waited:?}; its last words:\n{log}")]
    NotReady {
        /// Server that was starting.
        program: &'static str,
        /// How long it was waited for.
        waited: Duration,
        /// Last lines of its log.
        log: String,
    },
    /// A process does not end, not even by force.
    #[error("process {pid} does not end")]
    Unkillable {
        /// Id of the process.
        pid: u32,
    },
}

impl LocalError {
    /// Whether another attempt, on another port or a moment later, may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::PortTaken { .. } | Self::PreviousRun { .. })
    }
}
