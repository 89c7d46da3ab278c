//! One file per command.

mod contacts;
mod doctor;
mod gateway;
mod migrate;
mod quarantine;
mod replay;
mod rotate;
mod send;
pub(crate) mod serve;
mod servers;
mod tail;
mod why;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use sb_config::{Settings, Sources};

use crate::bench;
use crate::cli::{BenchCommand, Cli, Command};
use crate::dev;

/// Wrong settings (`EX_USAGE` of sysexits.h), as in every service.
const EXIT_SETTINGS: u8 = 64;

/// Runs what the command line asks for.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let settings = match load(&cli) {
        Ok(settings) => settings,
        Err(error) => {
            complain(&error);
            return ExitCode::from(EXIT_SETTINGS);
        }
    };
    dispatch(cli.command, settings)
}

fn dispatch(command: Command, settings: Settings) -> ExitCode {
    match command {
        Command::Dev(args) => dev::run(&args, settings),
        Command::All => serve::all(settings),
        Command::Serve { service } => serve::one(service, settings),
        Command::PrintConfig => print(&settings.print_redacted()),
        Command::Settings => print(&sb_config::reference_markdown()),
        Command::GenerateKey { id } => match sb_vault::generate_key_setting(&id) {
            Ok(setting) => print(&setting),
            Err(error) => {
                complain(&error.into());
                ExitCode::FAILURE
            }
        },
        Command::Migrate => once(settings, migrate::run),
        Command::Doctor => once(settings, doctor::run),
        Command::Send(args) => once(settings, async |settings| send::run(&args, &settings).await),
        Command::Tail(args) => once(settings, async |settings| tail::run(&args, &settings).await),
        Command::Why { id, json } => once(settings, async |settings| {
            why::run(&id, json, &settings).await
        }),
        Command::Contacts(command) => once(settings, async |settings| {
            contacts::run(&command, &settings).await
        }),
        Command::Quarantine(command) => once(settings, async |settings| {
            quarantine::run(&command, &settings).await
        }),
        Command::Replay(args) => once(settings, async |settings| {
            replay::run(&args, &settings).await
        }),
        Command::RotateKeys => once(settings, rotate::run),
        Command::Servers { command } => servers::run(&command, settings),
        Command::Bench { what } => match what {
            BenchCommand::GraphStub => bench::graph_stub::run(settings),
            BenchCommand::Dispatch(args) => {
                once(settings, async |_| bench::dispatch::run(&args).await)
            }
            BenchCommand::Ceiling => bench::ceiling::run(settings),
            BenchCommand::Ingest(args) => once(settings, async |_| bench::ingest::run(&args).await),
            BenchCommand::Pipeline(args) => {
                once(settings, async |_| bench::pipeline::run(&args).await)
            }
        },
    }
}

fn once<F>(settings: Settings, command: F) -> ExitCode
where
    F: AsyncFnOnce(Settings) -> anyhow::Result<()>,
{
    sb_service::run_once("switchboard", settings, command)
}

fn load(cli: &Cli) -> anyhow::Result<Settings> {
    let mut sources = Sources::from_process();
    if let Some(file) = &cli.config {
        sources = sources.with_file(file);
    }
    for assignment in &cli.set {
        let (key, value) = assignment
            .split_once('=')
            .with_context(|| format!("--set takes SECTION.FIELD=VALUE, not {assignment:?}"))?;
        sources = sources.with_override(key, value);
    }
    Ok(Settings::load(&sources)?)
}

/// Writes to standard output; a closed pipe is the reader's way to say that it has enough.
pub(crate) fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    match out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(newline.as_bytes()))
    {
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}

fn complain(error: &anyhow::Error) {
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(std::io::stderr(), "switchboard: {error:#}");
}
