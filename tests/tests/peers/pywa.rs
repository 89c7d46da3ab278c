//! `pywa`, a WhatsApp client from `PyPI`, against the simulator: what it sends is accepted, what we post it understands.

use anyhow::{Context, ensure};
use e2e::repository;
use sb_config::Settings;
use sb_service::{Health, Lifecycle};

use crate::environments::{self, PATIENCE, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pywa_sends_to_the_simulator_and_understands_its_webhooks() -> anyhow::Result<()> {
    let folder = repository().join("tests/pywa");
    let Some(python) = environments::python("pywa", &folder).await? else {
        return Ok(());
    };
    let mut settings = Settings::default();
    "127.0.0.1:0".clone_into(&mut settings.simulator.bind);
    let lifecycle = Lifecycle::new(std::time::Duration::from_secs(5));
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
