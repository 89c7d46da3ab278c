//! The data directory of a private `PostgreSQL` and how a server is started on it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::PostgresOptions;
use crate::account::Account;
use crate::binaries::{self, PostgresPrograms};
use crate::directory::{ServerDirectory, failed};
use crate::error::LocalError;
use crate::log::Log;
use crate::orphan;
use crate::port::PortChoice;
use crate::process::Process;
use crate::random;

const PROGRAM: &str = "postgres";
const POLL: Duration = Duration::from_millis(20);
/// Crash recovery of a large write-ahead log happens in this time.
const READY_TIMEOUT: Duration = Duration::from_mins(2);
const INITDB_TIMEOUT: Duration = Duration::from_mins(2);
/// How long ports and shared memory of a previous life are waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A prepared data directory.
#[derive(Debug)]
pub(super) struct Cluster {
    directory: ServerDirectory,
    data: PathBuf,
    log: Log,
    account: Account,
    programs: PostgresPrograms,
    options: PostgresOptions,
    password: String,
    wal_compression: &'static str,
}

impl Cluster {
    /// Locks the directory, stops what a crashed run left behind, creates the data if it is new.
    pub(super) async fn open(dir: &Path, options: PostgresOptions) -> Result<Self, LocalError> {
        let directory = ServerDirectory::open(dir)?;
        let data = directory.path().join("data");
        let programs = find_programs(&directory, &data).await?;
        let account = Account::unprivileged(directory.path())?;
        account.take_over_directory(directory.path())?;
        let mut cluster = Self {
            log: Log::new(directory.path().join("postgres.log")),
            directory,
            data,
            account,
            programs,
            options,
            password: String::new(),
            wal_compression: "on",
        };
        if cluster.data.exists() {
            account.take_over(&cluster.data)?;
            cluster.clear_previous_run().await?;
        } else {
            cluster.initialise().await?;
        }
        cluster.password = cluster.read_password()?;
        if cluster.accepts_lz4().await? {
            cluster.wal_compression = "lz4";
        }
        Ok(cluster)
    }

    pub(super) fn directory(&self) -> &ServerDirectory {
        &self.directory
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// Starts a server and waits until it accepts connections.
    pub(super) async fn launch(
        &mut self,
        ports: &mut PortChoice,
    ) -> Result<(Process, u16), LocalError> {
        let deadline = Instant::now() + BUSY_TIMEOUT;
        loop {
            let port = ports.next();
            match self.launch_on(port).await {
                Err(error) if error.is_transient() && Instant::now() < deadline => {
                    tracing::debug!(error = %error, "trying again");
                    sleep(POLL).await;
                }
                launched => return launched.map(|process| (process, port)),
            }
        }
    }

    async fn launch_on(&mut self, port: u16) -> Result<Process, LocalError> {
        let log = self.log.begin_run()?;
        let mut command = self.server_command().await;
        for (name, value) in self.settings(port) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        redirect(&mut command, log, &self.data)?;
        let mut process = Process::spawn(PROGRAM, command).await?;
        let deadline = Instant::now() + READY_TIMEOUT;
        while !self.is_ready(process.pid()) {
            if let Some(status) = process.exit_status()? {
                return Err(self.why_it_ended(port, &status.to_string()));
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

    /// `-D` comes first and names the directory as it is: orphans are recognised by it.
    async fn server_command(&self) -> Command {
        let mut command = self
            .account
            .command(&self.programs.postgres, self.directory.path())
            .await;
        command.arg("-D").arg(&self.data);
        command
    }

    /// Tuned for a laptop that also runs everything else; given on the command line so that a
    /// changed option needs no new data directory.
    fn settings(&self, port: u16) -> Vec<(&'static str, String)> {
        let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
        let durable = switch(self.options.durable);
        vec![
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", port.to_string()),
            // A socket's path has a length limit that a deep checkout exceeds.
            ("unix_socket_directories", String::new()),
            ("max_connections", self.options.max_connections.to_string()),
            (
                "shared_buffers",
                format!("{}MB", self.options.shared_buffers_mb),
            ),
            ("max_wal_size", "4GB".to_owned()),
            ("wal_compression", self.wal_compression.to_owned()),
            // Only the disk is not waited for: a commit still reaches the kernel, and survives a kill.
            ("fsync", durable.clone()),
            ("full_page_writes", durable),
            ("random_page_cost", "1.1".to_owned()),
            // Compiling a plan costs more than any of our queries runs.
            ("jit", switch(false)),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
        ]
    }

    /// The server itself notes its state in its pid file; a connection could reach somebody else.
    fn is_ready(&self, pid: u32) -> bool {
        let Ok(text) = fs::read_to_string(self.pid_path()) else {
            return false;
        };
        let mut lines = text.lines();
        lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid)
            && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }

    fn why_it_ended(&self, port: u16, status: &str) -> LocalError {
        let words = self.log.current_run();
        if words.contains("could not bind") {
            return LocalError::PortTaken {
                program: PROGRAM,
                port,
            };
        }
        if words.contains("pre-existing shared memory block") {
            return LocalError::PreviousRun { program: PROGRAM };
        }
        LocalError::Ended {
            program: PROGRAM,
            status: status.to_owned(),
            log: self.log.tail(),
        }
    }

    /// Stops a server that outlived its starter and removes a pid file whose number now belongs to
    /// somebody else, which the server would respect.
    async fn clear_previous_run(&self) -> Result<(), LocalError> {
        let path = self.pid_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(failed("reading", &path, source)),
        };
        if let Some(pid) = text
            .lines()
            .next()
            .and_then(|line| line.trim().parse().ok())
        {
            orphan::stop_orphan(pid, &self.data).await?;
        }
        // The lock is ours and nobody runs on the data: what is left is stale.
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(failed("removing", &path, source))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Creates the data beside its final place, so that an interrupted attempt is not mistaken for data.
    async fn initialise(&mut self) -> Result<(), LocalError> {
        let fresh = self.directory.path().join("data.new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(|source| failed("removing", &fresh, source))?;
        }
        self.write_password()?;
        let log = self.log.begin_run()?;
        let mut command = self
            .account
            .command(&self.programs.initdb, self.directory.path())
            .await;
        command
            .arg("--pgdata")
            .arg(&fresh)
            .arg("--pwfile")
            .arg(self.password_path())
            .args([
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-instructions",
            ]);
        if !self.options.durable {
            command.arg("--no-sync");
        }
        redirect(&mut command, log, &fresh)?;
        let mut process = Process::spawn("initdb", command).await?;
        match process.wait(INITDB_TIMEOUT).await? {
            Some(status) if status.success() => fs::rename(&fresh, &self.data)
                .map_err(|source| failed("moving into place", &fresh, source)),
            Some(status) => Err(LocalError::Ended {
                program: "initdb",
                status: status.to_string(),
                log: self.log.tail(),
            }),
            None => Err(LocalError::NotReady {
                program: "initdb",
                waited: INITDB_TIMEOUT,
                log: self.log.tail(),
            }),
        }
    }

    /// Asks the server, because it depends on how it was compiled.
    async fn accepts_lz4(&self) -> Result<bool, LocalError> {
        let mut command = self.server_command().await;
        command.args(["-c", "wal_compression=lz4", "-C", "wal_compression"]);
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let mut process = Process::spawn(PROGRAM, command).await?;
        let status = process.wait(INITDB_TIMEOUT).await?;
        Ok(status.is_some_and(|status| status.success()))
    }

    fn write_password(&self) -> Result<(), LocalError> {
        let path = self.password_path();
        let write = || {
            fs::write(&path, "")?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            fs::write(&path, random::password()?)
        };
        write().map_err(|source| failed("writing", &path, source))?;
        self.account.take_over(&path)
    }

    fn read_password(&self) -> Result<String, LocalError> {
        let path = self.password_path();
        let text = fs::read_to_string(&path).map_err(|source| failed("reading", &path, source))?;
        Ok(text.trim().to_owned())
    }

    fn password_path(&self) -> PathBuf {
        self.directory.path().join("password")
    }

    fn pid_path(&self) -> PathBuf {
        self.data.join("postmaster.pid")
    }
}

/// Data that exists decides which version has to serve it.
async fn find_programs(
    directory: &ServerDirectory,
    data: &Path,
) -> Result<PostgresPrograms, LocalError> {
    let major = fs::read_to_string(data.join("PG_VERSION"))
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok());
    match (
        binaries::find_postgres(directory.path(), major).await,
        major,
    ) {
        (Err(LocalError::NotInstalled { .. }), Some(found)) => Err(LocalError::DataVersion {
            path: data.to_path_buf(),
            found,
        }),
        (found, _) => found,
    }
}

/// Sends both outputs of a command to the log.
fn redirect(command: &mut Command, log: fs::File, about: &Path) -> Result<(), LocalError> {
    let copy = log
        .try_clone()
        .map_err(|source| failed("opening the log of", about, source))?;
    command.stdout(copy).stderr(log);
    Ok(())
}
