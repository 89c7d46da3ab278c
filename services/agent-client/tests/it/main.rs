//! Behaviour of the service: real PostgreSQL and NATS, a stand-in for the model.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its case must fail"
)]

mod answering;
mod claiming;
mod failing;
mod model;
mod ownership;
mod providers;
mod tenants;
mod world;
