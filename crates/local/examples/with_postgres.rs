//! Runs a command with an empty `PostgreSQL` in `DATABASE_URL`, which is gone afterwards.
//!
//! `switchboard servers` does the same and more, but needs queries that compile; this is for
//! `make generate`, which makes them compile.

use std::error::Error;
use std::process::ExitCode;

use sb_local::{PostgresOptions, PostgresServer};
use tokio::process::Command;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let program = words.next().ok_or("no command was given")?;
    let dir = tempfile::tempdir()?;
    let server = PostgresServer::start(dir.path(), PostgresOptions::throwaway()).await?;
    let status = Command::new(program)
        .args(words)
        .env("DATABASE_URL", server.url("postgres"))
        .status()
        .await?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
