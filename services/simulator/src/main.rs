//! The `simulator` binary.

use std::process::ExitCode;

use simulator::{App, NEEDS};

fn main() -> ExitCode {
    sb_service::main("simulator", NEEDS, async |settings, health, lifecycle| {
        App::build(&settings, &health)?.run(lifecycle).await
    })
}
