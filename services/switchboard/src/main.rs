//! The one binary that has it all: services, a laptop's worth of infrastructure, and the operator's tools.

mod bench;
mod cli;
mod commands;
mod dev;
mod seed;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    commands::run(cli::Cli::parse())
}
