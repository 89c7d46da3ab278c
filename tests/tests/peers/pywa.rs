//! `pywa`, a WhatsApp client from `PyPI`, against the simulator: what it sends is accepted, what we post it understands.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::repository;
use ring::digest::{SHA256, digest};
use sb_config::Settings;
use sb_service::{Health, Lifecycle};

/// The index may be slow, and the script waits for webhooks.
const PATIENCE: Duration = Duration::from_mins(3);

/// A virtual environment with what the script needs, or why there can be none here.
enum Python {
    Ready(PathBuf),
    Absent(String),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pywa_sends_to_the_simulator_and_understands_its_webhooks() -> anyhow::Result<()> {
    let folder = repository().join("tests/pywa");
    let python = match tokio::time::timeout(PATIENCE, prepare(&folder)).await?? {
        Python::Ready(python) => python,
        Python::Absent(reason) => {
            ensure!(!is_ci(), "CI must run this test, and cannot: {reason}");
            eprintln!("skipped: {reason}");
            return Ok(());
        }
    };
    let mut settings = Settings::default();
    "127.0.0.1:0".clone_into(&mut settings.simulator.bind);
    let lifecycle = Lifecycle::new(Duration::from_secs(5));
    let simulator = simulator::App::build(&settings, &Health::new())?;
    let url = format!("http://{}", simulator.http_addr());
    lifecycle.spawn("simulator", simulator.run(lifecycle.child("simulator")));

    let script = folder.join("conformance.py");
    let arguments = [script.as_os_str(), "--base-url".as_ref(), url.as_ref()];
    let checked = tokio::time::timeout(PATIENCE, run(&python, &arguments)).await;
    lifecycle.shutdown();
    lifecycle.drained().await?;
    let output = checked.context("the conformance script does not end")??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "pywa does not get on with the simulator:\n{said}\n{complaints}"
    );
    ensure!(
        said.lines().any(|line| line.starts_with("ok ")),
        "no verdict in {said}"
    );
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "whether this is CI is no setting of the product"
)]
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"))
}

async fn run(program: &Path, arguments: &[&std::ffi::OsStr]) -> anyhow::Result<Output> {
    tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("running {}", program.display()))
}

/// Makes the environment once for each version of the requirements; the finished one gets its name last, so that a
/// run that was interrupted leaves nothing that looks finished.
async fn prepare(folder: &Path) -> anyhow::Result<Python> {
    let requirements = folder.join("requirements.txt");
    let wanted = std::fs::read(&requirements)
        .with_context(|| format!("reading {}", requirements.display()))?;
    if Command::new("python3").arg("--version").output().is_err() {
        return Ok(Python::Absent("python3 is not installed".to_owned()));
    }
    let mut version = hex::encode(digest(&SHA256, &wanted));
    version.truncate(16);
    let environments = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let marker = environments.join(format!("pywa-{version}.ready"));
    let environment = environments.join(format!("pywa-{version}"));
    let python = environment.join("bin/python");
    if marker.exists() && python.exists() {
        return Ok(Python::Ready(python));
    }
    std::fs::create_dir_all(environments).context("making a place for Python packages")?;
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
