//! The bus against a real nats-server.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its case must fail"
)]

mod batches;
mod events;
mod faults;
mod pinned;
mod posts;
mod publish;
mod staged;
mod support;
mod tap;
