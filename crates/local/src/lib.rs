#![doc = include_str!("../README.md")]

mod account;
mod binaries;
mod directory;
mod error;
mod log;
mod nats;
mod orphan;
mod port;
mod postgres;
mod process;
mod random;

pub use error::LocalError;
pub use nats::{NatsOptions, NatsServer};
pub use postgres::{PostgresOptions, PostgresServer};
