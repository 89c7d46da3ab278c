//! Behaviour of the service: real PostgreSQL and NATS, the simulator as Meta.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its case must fail"
)]

mod access;
mod accounts;
mod by_itself;
mod refresh;
mod world;
