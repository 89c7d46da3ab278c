#![doc = include_str!("../README.md")]

mod error;
mod init;
mod json_lines;
mod metrics;
mod propagation;
mod sensitive;

pub use error::{TelemetryError, as_error};
pub use init::{TelemetryGuard, init};
pub use metrics::{meter, metrics_text};
pub use propagation::{add_link, current_trace_id, inject_current, set_parent};
pub use sensitive::Sensitive;
