//! Programs from the package indexes, installed once and kept between runs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use ring::digest::{SHA256, digest};

/// The index may be slow, and scripts wait for webhooks.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// A virtual environment with what a script needs, or why there can be none here.
enum Python {
    Ready(PathBuf),
    Absent(String),
}

#[expect(
    clippy::print_stderr,
    reason = "a test that was not run must not look as if it was"
)]
fn skipped(reason: &str) -> Option<PathBuf> {
    eprintln!("skipped: {reason}");
    None
}

/// Waits until nobody else installs the same; the lock ends with the file.
async fn turn(path: PathBuf) -> anyhow::Result<File> {
    let taken = tokio::task::spawn_blocking(move || {
        let file = File::create(path)?;
        file.lock()?;
        std::io::Result::Ok(file)
    });
    taken.await?.context("waiting for another installation")
}

/// A program of an npm package; `None` where there is no npm, or no way to its registry.
pub(crate) async fn node(package: &str, version: &str) -> anyhow::Result<Option<PathBuf>> {
    if Command::new("npm").arg("--version").output().is_err() {
        return Ok(skipped("npm is not installed"));
    }
    let environments = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(environments).context("making a place for npm packages")?;
    let _turn = turn(environments.join(format!("{package}.lock"))).await?;
    let environment = environments.join(format!("{package}-{version}"));
    let program = environment.join("node_modules/.bin").join(package);
    let marker = environment.join("ready");
    if marker.exists() {
        return Ok(Some(program));
    }
    let wanted = format!("{package}@{version}");
    let arguments: [&std::ffi::OsStr; 7] = [
        "install".as_ref(),
        "--no-audit".as_ref(),
        "--no-fund".as_ref(),
        "--ignore-scripts".as_ref(),
        "--prefix".as_ref(),
        environment.as_os_str(),
        wanted.as_ref(),
    ];
    let installed = tokio::time::timeout(PATIENCE, run("npm".as_ref(), &arguments)).await??;
    if !installed.status.success() {
        let complaints = String::from_utf8_lossy(&installed.stderr);
        return Ok(skipped(&format!("npm install {wanted}: {complaints}")));
    }
    std::fs::write(&marker, &wanted).context("noting that the package is complete")?;
    Ok(Some(program))
}

#[expect(
    clippy::disallowed_methods,
    reason = "whether this is CI is no setting of the product"
)]
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"))
}

pub(crate) async fn run(program: &Path, arguments: &[&std::ffi::OsStr]) -> anyhow::Result<Output> {
    tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("running {}", program.display()))
}

/// The interpreter of an environment with what `requirements.txt` of a folder lists; `None` where there is no Python,
/// except on the machine that decides.
pub(crate) async fn python(name: &str, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    match tokio::time::timeout(PATIENCE, prepare(name, folder)).await?? {
        Python::Ready(python) => Ok(Some(python)),
        Python::Absent(reason) => {
            ensure!(!is_ci(), "CI must run this test, and cannot: {reason}");
            Ok(skipped(&reason))
        }
    }
}

/// Makes the environment once for each version of the requirements, one test after the other; the finished one gets
/// its marker last, so that a run that was interrupted leaves nothing that looks finished.
async fn prepare(name: &str, folder: &Path) -> anyhow::Result<Python> {
    let requirements = folder.join("requirements.txt");
    let wanted = std::fs::read(&requirements)
        .with_context(|| format!("reading {}", requirements.display()))?;
    if Command::new("python3").arg("--version").output().is_err() {
        return Ok(Python::Absent("python3 is not installed".to_owned()));
    }
    let mut version = hex::encode(digest(&SHA256, &wanted));
    version.truncate(16);
    let environments = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let marker = environments.join(format!("{name}-{version}.ready"));
    let environment = environments.join(format!("{name}-{version}"));
    let python = environment.join("bin/python");
    std::fs::create_dir_all(environments).context("making a place for Python packages")?;
    let _turn = turn(environments.join(format!("{name}.lock"))).await?;
    if marker.exists() && python.exists() {
        return Ok(Python::Ready(python));
    }
    let made = run(
        "python3".as_ref(),
        &[
            "-m".as_ref(),
            "venv".as_ref(),
            "--clear".as_ref(),
            environment.as_os_str(),
        ],
    )
    .await?;
    if !made.status.success() {
        let reason = String::from_utf8_lossy(&made.stdout).into_owned();
        return Ok(Python::Absent(format!(
            "python3 cannot make a virtual environment: {reason}"
        )));
    }
    let arguments = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    let mut arguments: Vec<&std::ffi::OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    arguments.push(requirements.as_os_str());
    let installed = run(&python, &arguments).await?;
    if !installed.status.success() {
        let reason = String::from_utf8_lossy(&installed.stderr).into_owned();
        return Ok(Python::Absent(format!(
            "the packages cannot be installed: {reason}"
        )));
    }
    std::fs::write(&marker, &wanted).context("noting that the environment is complete")?;
    Ok(Python::Ready(python))
}
