#![doc = include_str!("../README.md")]

mod backoff;
mod batches;
mod bus;
mod consumer;
mod consuming;
mod dead;
mod envelope;
mod error;
mod events;
mod gathering;
mod handler;
mod lanes;
mod ledger;
mod metrics;
mod posts;
mod publish;
mod pull;
mod reading;
mod redo;
mod runner;
mod streams;
mod tap;
mod turns;
mod version;

pub use bus::Bus;
pub use consumer::Backlog;
pub use envelope::Traced;
pub use error::{BoxError, BusError, PublishError, TapError};
pub use handler::{
    BatchHandler, BatchOutcome, Delivered, DeliveredItem, EventHandler, HandlerError, ItemFailure,
    MalformedItem, StagedHandler,
};
pub use posts::{KeptPosts, PostEnvelope};
pub use publish::Publisher;
pub use runner::{BatchOptions, EventOptions, Runner};
pub use tap::{Tap, TapPosition, TapStart};
