#![doc = include_str!("../README.md")]

mod arguments;
mod health;
mod lifecycle;
mod listener;
mod ops;
mod process;

pub use health::{CheckReport, Health, HealthReport, ReadyState};
pub use lifecycle::{Lifecycle, LifecycleError, TaskOutcome};
pub use listener::{BindError, bind_listener};
pub use ops::{OpsServer, serve_ops};
pub use process::{main, run_app, run_once};
