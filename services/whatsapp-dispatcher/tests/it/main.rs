//! The dispatcher against a real PostgreSQL, a real nats-server and the simulated Meta.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot set up its case must fail"
)]

mod failing;
mod files;
mod kinds;
mod losing;
mod pacing;
mod reading;
mod sending;
mod world;
