//! The simulator from outside: a Graph client, a webhook receiver, the control API.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the helpers of tests fail as tests do"
)]

mod accounts;
mod harness;
mod llm;
mod media;
mod page;
mod phones;
mod sending;
mod templates;
mod webhooks;
