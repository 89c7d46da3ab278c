//! Turns files into text.
//!
//! - **Role:** makes text of stored files, so that agents can read them.
//! - **In:** `MediaStored` on `EVENTS`; the bytes from object storage.
//! - **Out:** `MessageAnnotated` (through the outbox).
//! - **Tables:** reads `media`; writes `annotations`, `messages.content.artifacts`, `outbox`.
//! - **Next:** `agent-client` puts artifacts into a model's context; `gateway` shows them.

mod app;
mod consumers;
pub mod documents;
mod handlers;

pub use app::{App, NEEDS};
pub use consumers::consumers;
