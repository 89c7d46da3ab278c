//! Keeps business numbers in step with Meta.
//!
//! - **Role:** reads profiles and status of numbers from Graph, by itself and on request; lists an account's numbers
//!   and subscribes the app to its webhooks.
//! - **In:** HTTP under `/v1/organizations/{organization}` from behind the gateway, with `manager.internal_key`; time.
//! - **Out:** `NumberChanged` (through the outbox); Graph calls `GET /{number}`, `GET /{waba}/phone_numbers`,
//!   `POST /{waba}/subscribed_apps`.
//! - **Tables:** reads and writes `numbers`, `wabas`; writes `outbox`.
//! - **Next:** `gateway` shows `NumberChanged` to tenants; `whatsapp-dispatcher` waits for numbers whose token Meta
//!   refused, and goes on when it is accepted again.

mod accounts;
mod app;
mod authenticate;
mod due;
mod failure;
mod handlers;
mod metrics;
mod profiles;
mod refusal;
mod routes;
mod tokens;

pub use app::{App, NEEDS};
