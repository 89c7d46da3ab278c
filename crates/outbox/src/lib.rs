#![doc = include_str!("../README.md")]

mod metrics;
mod relay;

pub use relay::{Relay, RelayError};
