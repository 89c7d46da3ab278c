//! The gateway through its public edge: HTTP in, rows and events out.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot set up its case must fail"
)]

mod audit;
mod authorization;
mod bad_input;
mod client;
mod documents;
mod events;
mod flow_endpoints;
mod idempotency;
mod isolation;
mod keys;
mod media;
mod merging;
mod paging;
mod quarantine;
mod secrets;
mod sending;
mod world;
