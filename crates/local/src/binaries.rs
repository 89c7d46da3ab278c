//! Finds the installed server programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::error::LocalError;

/// What `deploy/local/install.sh` unpacks goes here, below the repository.
const PRIVATE_BIN: &str = ".switchboard/bin";
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";
const MINIMUM_POSTGRES: u32 = 15;
/// Older servers silently ignore settings the product relies on (pinned consumers, message TTL).
const MINIMUM_NATS: (u32, u32) = (2, 11);
const VERSION_TIMEOUT: Duration = Duration::from_secs(20);

/// The programs of one installed `PostgreSQL`.
#[derive(Debug)]
pub(crate) struct PostgresPrograms {
    pub(crate) postgres: PathBuf,
    pub(crate) initdb: PathBuf,
}

/// Finds the newest `PostgreSQL`; with `major`, only that version.
pub(crate) async fn find_postgres(
    dir: &Path,
    major: Option<u32>,
) -> Result<PostgresPrograms, LocalError> {
    let mut seen = Vec::new();
    for bin in postgres_directories(dir).await {
        let (postgres, initdb) = (bin.join("postgres"), bin.join("initdb"));
        if !postgres.is_file() || !initdb.is_file() {
            continue;
        }
        match version_of(&postgres).await {
            Some((found, _)) if found >= MINIMUM_POSTGRES && major.is_none_or(|it| it == found) => {
                return Ok(PostgresPrograms { postgres, initdb });
            }
            Some((found, _)) => seen.push(format!("{} is {found}", postgres.display())),
            None => seen.push(format!("{} does not run", postgres.display())),
        }
    }
    Err(LocalError::NotInstalled {
        program: "PostgreSQL 15 or newer",
        seen: describe(&seen),
    })
}

/// Finds a nats-server that is new enough.
pub(crate) async fn find_nats(dir: &Path) -> Result<PathBuf, LocalError> {
    let mut candidates = private_bins(dir);
    candidates.extend(directory_on_path("nats-server").await);
    candidates.extend(["/usr/sbin", "/usr/local/bin"].map(PathBuf::from));
    let mut seen = Vec::new();
    for program in candidates.iter().map(|bin| bin.join("nats-server")) {
        if !program.is_file() {
            continue;
        }
        match version_of(&program).await {
            Some(version) if version >= MINIMUM_NATS => return Ok(program),
            Some((major, minor)) => seen.push(format!("{} is {major}.{minor}", program.display())),
            None => seen.push(format!("{} does not run", program.display())),
        }
    }
    Err(LocalError::NotInstalled {
        program: "nats-server 2.11 or newer",
        seen: describe(&seen),
    })
}

/// Returns the directory in which the shell finds a program.
pub(crate) async fn directory_on_path(program: &str) -> Option<PathBuf> {
    let mut lookup = Command::new("/bin/sh");
    lookup.args(["-c", "command -v \"$1\"", "sh", program]);
    let found = PathBuf::from(output(lookup).await?.trim());
    // Links are resolved because the sibling programs are where the real one is.
    fs::canonicalize(found)
        .ok()?
        .parent()
        .map(Path::to_path_buf)
}

/// Newest first, then what the shell would run, then what was unpacked for this repository.
async fn postgres_directories(dir: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<u32> = fs::read_dir(DEBIAN_POSTGRES)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|left, right| right.cmp(left));
    let mut directories: Vec<PathBuf> = versions
        .iter()
        .map(|major| format!("{DEBIAN_POSTGRES}/{major}/bin").into())
        .collect();
    directories.extend(directory_on_path("postgres").await);
    directories.extend(private_bins(dir));
    directories
}

/// Returns every `.switchboard/bin` above the server's directory, the working directory or this
/// program (`target/debug` is in the repository, whatever the working directory is).
fn private_bins(dir: &Path) -> Vec<PathBuf> {
    let working = std::env::current_dir().unwrap_or_default();
    let program = std::env::current_exe().unwrap_or_default();
    let mut bins: Vec<PathBuf> = Vec::new();
    for above in [dir, &working, &program]
        .into_iter()
        .flat_map(Path::ancestors)
    {
        let bin = above.join(PRIVATE_BIN);
        if bin.is_dir() && !bins.contains(&bin) {
            bins.push(bin);
        }
    }
    bins
}

async fn version_of(program: &Path) -> Option<(u32, u32)> {
    let mut command = Command::new(program);
    command.arg("--version");
    parse_version(&output(command).await?)
}

async fn output(mut command: Command) -> Option<String> {
    let output = timeout(VERSION_TIMEOUT, command.kill_on_drop(true).output())
        .await
        .ok()?
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Finds `15.18` in `postgres (PostgreSQL) 15.18 (Debian …)` and `2.15` in `nats-server: v2.15.1`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut parts = word.trim_start_matches('v').split('.');
        let major = parts.next()?.parse().ok()?;
        let minor: String = parts
            .next()?
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        Some((major, minor.parse().ok()?))
    })
}

fn describe(seen: &[String]) -> String {
    if seen.is_empty() {
        "none is installed".to_owned()
    } else {
        seen.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_servers_print() {
        let cases = [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                Some((15, 18)),
            ),
            ("postgres (PostgreSQL) 17beta1", None),
            ("nats-server: v2.15.1", Some((2, 15))),
            ("nats-server: v2.12.0-RC.1", Some((2, 12))),
            ("nats-server version 2.9.10", Some((2, 9))),
            ("", None),
        ];
        for (text, version) in cases {
            assert_eq!(parse_version(text), version, "{text}");
        }
    }

    #[tokio::test]
    async fn a_version_that_is_not_installed_is_reported_with_what_is() {
        let error = find_postgres(Path::new("/tmp"), Some(99))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("install.sh"), "{error}");
    }
}
