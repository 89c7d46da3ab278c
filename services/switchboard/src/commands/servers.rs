//! `switchboard servers`: a command with private servers around it. `make test` runs the suite this way.

use std::process::ExitCode;

use anyhow::Context;
use sb_config::Settings;
use sb_local::{NatsOptions, NatsServer, PostgresOptions, PostgresServer};

/// Starts both servers in a temporary folder, runs the command, and gives back its exit code.
pub(crate) fn run(command: &[String], settings: Settings) -> ExitCode {
    let mut code = None;
    let outcome = sb_service::run_once("switchboard", settings, async |_| {
        code = Some(with_servers(command).await?);
        Ok(())
    });
    code.map_or(outcome, ExitCode::from)
}

async fn with_servers(command: &[String]) -> anyhow::Result<u8> {
    let (program, arguments) = command.split_first().context("no command was given")?;
    std::fs::create_dir_all(".switchboard").context("making .switchboard")?;
    let directory = tempfile::Builder::new()
        .prefix("servers-")
        .tempdir_in(".switchboard")?;
    // Nothing in these servers outlives the command: no need to wait for the disk.
    let (postgres_path, nats_path) = (
        directory.path().join("postgres"),
        directory.path().join("nats"),
    );
    let postgres = PostgresServer::start(&postgres_path, PostgresOptions::throwaway());
    let options = NatsOptions {
        sync_always: false,
        ..NatsOptions::default()
    };
    let nats = NatsServer::start(&nats_path, options);
    let (mut postgres, mut nats) = tokio::try_join!(postgres, nats)?;
    let status = tokio::process::Command::new(program)
        .args(arguments)
        .env("DATABASE_URL", postgres.url("postgres"))
        .env("NATS_URL", nats.url())
        .status()
        .await
        .with_context(|| format!("running {program}"));
    nats.stop().await?;
    postgres.stop().await?;
    let status = status?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}
