//! The `switchboard` binary these tests run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};

/// No command of the operator takes longer.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(2);

/// The root of the repository.
pub fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The binary beside the running test: `target/debug/deps/faults-…` → `target/debug/switchboard`.
///
/// # Errors
/// When it was not built: cargo builds the binaries of other packages only when it is told to.
pub fn switchboard() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("finding the running test")?;
    let folder = test
        .parent()
        .and_then(Path::parent)
        .context("the test lies in no target folder")?;
    let binary = folder.join("switchboard");
    ensure!(
        binary.is_file(),
        "{} does not exist: run `cargo build --workspace` first (`make test` does)",
        binary.display()
    );
    Ok(binary)
}

/// What a command said.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    /// Whether it ended with exit code 0.
    pub is_success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs `switchboard <arguments>` with exactly these variables, to its end.
///
/// # Errors
/// When it cannot be started or does not end in time. A failure of the command itself is an output.
pub async fn run_switchboard(
    arguments: &[&str],
    variables: &[(String, String)],
) -> anyhow::Result<CommandOutput> {
    let child = tokio::process::Command::new(switchboard()?)
        .args(arguments)
        .env_clear()
        .envs(variables.iter().cloned())
        .current_dir(repository())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting switchboard {}", arguments.join(" ")))?;
    let output = tokio::time::timeout(COMMAND_TIMEOUT, child.wait_with_output())
        .await
        .with_context(|| format!("switchboard {} does not end", arguments.join(" ")))??;
    Ok(CommandOutput {
        is_success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
