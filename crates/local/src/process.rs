//! One server process and its end.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::error::LocalError;
use crate::orphan;

const POLL: Duration = Duration::from_millis(10);
/// How long an orderly shutdown may take before force is used.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// A running child process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    program: &'static str,
    child: Child,
}

impl Process {
    /// Starts the command on the launcher thread.
    pub(crate) async fn spawn(program: &'static str, command: Command) -> Result<Self, LocalError> {
        let failed = |source| LocalError::Launch {
            program: program.to_owned(),
            source,
        };
        let (reply, launched) = oneshot::channel();
        launcher()
            .send(Launch { command, reply })
            .map_err(|_| failed(io::Error::other("the launcher thread could not be started")))?;
        let child = launched
            .await
            .map_err(|_| failed(io::Error::other("the launcher thread has ended")))?
            .map_err(failed)?;
        tracing::debug!(
            process.program = program,
            process.pid = child.id(),
            "process started"
        );
        Ok(Self { program, child })
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns how the process ended, if it has.
    pub(crate) fn exit_status(&mut self) -> Result<Option<ExitStatus>, LocalError> {
        self.child.try_wait().map_err(|source| LocalError::Launch {
            program: self.program.to_owned(),
            source,
        })
    }

    /// Waits for the end; `None` when the process still runs after the timeout.
    pub(crate) async fn wait(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<ExitStatus>, LocalError> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.exit_status()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            sleep(POLL).await;
        }
    }

    /// Ends the process in good order, by force if that takes too long.
    pub(crate) async fn stop(mut self) -> Result<(), LocalError> {
        orphan::signal(orphan::SHUTDOWN_SIGNAL, &[self.pid()]);
        if self.wait(SHUTDOWN_TIMEOUT).await?.is_none() {
            tracing::warn!(
                process.program = self.program,
                "shutdown took too long; killing"
            );
            self.kill().await?;
        }
        Ok(())
    }

    /// Kills the process and its children without warning and waits until all are gone.
    pub(crate) async fn kill(mut self) -> Result<(), LocalError> {
        let family = self.kill_family();
        self.wait(SHUTDOWN_TIMEOUT).await?;
        orphan::wait_killed(&family).await
    }

    /// Sends SIGKILL to all of it at once, so that no child outlives a crash by even a moment.
    fn kill_family(&self) -> Vec<u32> {
        let mut family = vec![self.pid()];
        family.extend(orphan::children(self.pid()));
        orphan::signal("KILL", &family);
        family
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill_family();
            // Reaps it; a killed process ends at once. What cannot be waited for is gone already.
            drop(self.child.wait());
        }
    }
}

/// A request to the launcher thread.
struct Launch {
    command: Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

/// Returns the thread that starts all children of this process.
///
/// The kernel delivers a parent-death signal when the *thread* that started the child ends. A thread
/// of a runtime ends with that runtime (a `#[tokio::test]`, an idle blocking pool); this one only
/// with the process.
fn launcher() -> &'static SyncSender<Launch> {
    static LAUNCHER: OnceLock<SyncSender<Launch>> = OnceLock::new();
    LAUNCHER.get_or_init(|| {
        let (sender, launches) = sync_channel::<Launch>(16);
        let started = thread::Builder::new()
            .name("sb-local".to_owned())
            .spawn(move || {
                for Launch { mut command, reply } in launches {
                    if let Err(Ok(mut child)) = reply.send(command.spawn()) {
                        // The caller was cancelled: nobody will ever look after this child.
                        drop(child.kill());
                        drop(child.wait());
                    }
                }
            });
        if let Err(error) = started {
            tracing::error!(error = %error, "starting the launcher thread failed");
        }
        sender
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn kill_takes_the_children_along() {
        let process = Process::spawn("sh", shell("sleep 60 & sleep 60; wait"))
            .await
            .unwrap();
        let pid = process.pid();
        while orphan::children(pid).len() < 2 {
            sleep(POLL).await;
        }
        let children = orphan::children(pid);
        process.kill().await.unwrap();
        assert!(!orphan::is_alive(pid));
        assert!(!children.into_iter().any(orphan::is_alive));
    }

    #[tokio::test]
    async fn a_dropped_process_is_killed() {
        let process = Process::spawn("sleep", shell("exec sleep 60"))
            .await
            .unwrap();
        let pid = process.pid();
        drop(process);
        assert!(!orphan::is_alive(pid));
    }

    #[test]
    fn a_process_outlives_the_runtime_that_started_it() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "sleep", "60"]);
        let mut process = runtime.block_on(Process::spawn("sleep", command)).unwrap();
        drop(runtime);
        let again = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let ended = again
            .block_on(process.wait(Duration::from_millis(200)))
            .unwrap();
        assert!(ended.is_none(), "{ended:?}");
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error_that_names_it() {
        let command = Command::new("/nonexistent/program");
        let error = Process::spawn("program", command).await.unwrap_err();
        assert_eq!(error.to_string(), "starting program");
    }
}
