use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use sb_config::{Need, Settings, Sources};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Health, Lifecycle, LifecycleError,
    arguments::{ArgumentError, Arguments, Command, HELP},
    serve_ops,
};

/// `EX_USAGE`: the settings or the command line are wrong; trying again does not help.
const EXIT_CONFIGURATION: u8 = 64;

/// What a service gets beyond the deadline of its lifecycle to return.
const RETURN_GRACE: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("reading the command line")]
    Arguments(#[from] ArgumentError),
    #[error("loading the settings")]
    Load(#[from] sb_config::ConfigError),
    #[error("checking the settings")]
    Missing(#[from] sb_config::MissingSettings),
}

/// The whole life of a service binary: command line, settings, telemetry, crypto provider, signals,
/// operations listener, `run`, orderly end.
///
/// `run` gets the settings, the list it adds its checks to and the lifecycle it starts its tasks
/// through; it returns when it is drained. The exit code is 64 for wrong settings, with everything
/// that is wrong on standard error, and 1 for any other failure.
pub fn main<F>(name: &'static str, needs: &[Need], run: F) -> ExitCode
where
    F: AsyncFnOnce(Settings, Health, Lifecycle) -> anyhow::Result<()>,
{
    match prepare(name, needs) {
        Ok(Some(settings)) => run_app(name, settings, run),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(name, &error);
            ExitCode::from(EXIT_CONFIGURATION)
        }
    }
}

/// Runs an application with settings that are already loaded: everything [`main`] does after the
/// settings. For binaries with a command line of their own.
pub fn run_app<F>(name: &'static str, settings: Settings, run: F) -> ExitCode
where
    F: AsyncFnOnce(Settings, Health, Lifecycle) -> anyhow::Result<()>,
{
    run_once(name, settings, async |settings| {
        let deadline = Duration::from_secs(settings.ops.shutdown_deadline_seconds);
        let lifecycle = Lifecycle::new(deadline);
        lifecycle.stop_on_signals()?;
        let health = Health::new();
        health.follow(lifecycle.stopping());
        let started = lifecycle.clone();
        health.register("start", move || {
            let has_started = started.has_started();
            async move {
                if has_started {
                    Ok(())
                } else {
                    Err("still starting")
                }
            }
        });
        let ops = serve_ops(&settings.ops, health.clone())?;
        let result = supervise(&lifecycle, run(settings, health, lifecycle.clone())).await;
        ops.stop().await;
        result
    })
}

/// Runs one command to its end with telemetry and a runtime, without signals, checks and operations
/// listener. For commands of people (`migrate`, `send`).
pub fn run_once<F>(name: &'static str, settings: Settings, command: F) -> ExitCode
where
    F: AsyncFnOnce(Settings) -> anyhow::Result<()>,
{
    // An error means that a provider is installed already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let telemetry = match sb_telemetry::init(&settings.telemetry, name) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            print_error(name, &error);
            return ExitCode::from(EXIT_CONFIGURATION);
        }
    };
    let result = match runtime(name) {
        Ok(runtime) => {
            let result = runtime.block_on(command(settings));
            runtime.shutdown_timeout(RETURN_GRACE);
            result
        }
        Err(error) => Err(error.into()),
    };
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                error = sb_telemetry::as_error(error.as_ref()),
                "{name} failed"
            );
            print_error(name, error.as_ref());
            ExitCode::FAILURE
        }
    };
    telemetry.shutdown();
    code
}

/// Waits for the application, but not for one that keeps the process from ending.
async fn supervise(
    lifecycle: &Lifecycle,
    app: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let stopping = lifecycle.stopping();
    let aborting = lifecycle.aborting();
    let overdue = async {
        stopping.cancelled().await;
        sleep(lifecycle.deadline() + RETURN_GRACE).await;
    };
    let result = tokio::select! {
        result = app => result,
        () = aborting.cancelled() => Err(LifecycleError::Aborted.into()),
        () = overdue => {
            Err(LifecycleError::DeadlineExceeded { tasks: vec!["start-up".to_owned()] }.into())
        }
    };
    // Tasks of an application that failed half-way through its start end here.
    lifecycle.shutdown();
    let drained = lifecycle.drained().await;
    result?;
    Ok(drained?)
}

fn runtime(name: &'static str) -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name(name)
        .build()
}

/// The settings to run with, or nothing when the command line only asked for something to read.
fn prepare(name: &str, needs: &[Need]) -> Result<Option<Settings>, StartError> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    match arguments.command {
        Command::PrintVersion => {
            print(&format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
            return Ok(None);
        }
        Command::PrintHelp => {
            print(&format!("{name}: a service of Switchboard\n\n{HELP}"));
            return Ok(None);
        }
        Command::Run | Command::PrintConfig => {}
    }
    let mut sources = Sources::from_process();
    if let Some(file) = arguments.config_file {
        sources = sources.with_file(file);
    }
    for (key, value) in arguments.overrides {
        sources = sources.with_override(key, value);
    }
    let settings = Settings::load(&sources)?;
    if arguments.command == Command::PrintConfig {
        print(&settings.print_redacted());
        return Ok(None);
    }
    settings.require(needs)?;
    Ok(Some(settings))
}

fn print(text: &str) {
    // Nobody is left to tell when standard output is closed.
    let _ = io::stdout().write_all(text.as_bytes());
}

fn print_error(name: &str, error: &(dyn Error + 'static)) {
    let mut text = format!("{name}: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  caused by: {error}");
        cause = error.source();
    }
    // As above.
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::ReadyState;

    fn settings() -> Settings {
        let mut settings = Settings::default();
        settings.ops.bind = "127.0.0.1:0".to_owned();
        settings
    }

    fn is_success(code: ExitCode) -> bool {
        format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
    }

    #[test]
    fn an_application_that_drains_ends_well() {
        let code = run_app("test", settings(), async |_, health, lifecycle| {
            assert!(health.ops_addr().is_some());
            let stopping = lifecycle.stopping();
            lifecycle.spawn("worker", async move { stopping.cancelled().await });
            lifecycle.shutdown();
            Ok(lifecycle.drained().await?)
        });
        assert!(is_success(code));
    }

    #[test]
    fn an_application_is_ready_once_everything_is_started() {
        let code = run_app("test", settings(), async |_, health, lifecycle| {
            assert_eq!(health.report().await.status, ReadyState::Unready);
            let waiting = lifecycle.clone();
            lifecycle.spawn("observer", async move {
                while health.report().await.status != ReadyState::Ready {
                    tokio::task::yield_now().await;
                }
                waiting.shutdown();
            });
            Ok(lifecycle.drained().await?)
        });
        assert!(is_success(code));
    }

    #[test]
    fn an_application_that_fails_ends_with_failure_and_takes_its_tasks_along() {
        let code = run_app("test", settings(), async |_, _, lifecycle| {
            let stopping = lifecycle.stopping();
            lifecycle.spawn("worker", async move { stopping.cancelled().await });
            anyhow::bail!("no database")
        });
        assert!(!is_success(code));
    }

    #[test]
    fn a_failed_task_fails_an_application_that_overlooks_it() {
        let code = run_app("test", settings(), async |_, _, lifecycle| {
            lifecycle.spawn("worker", async { Err(io::Error::other("gone")) });
            lifecycle.stopping().cancelled().await;
            Ok(())
        });
        assert!(!is_success(code));
    }
}
