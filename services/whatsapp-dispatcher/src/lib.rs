//! Sends queued messages through Meta's Graph API: once, in order, at the right pace.
//!
//! - **Role:** claims the heads of conversations, paces each number, sends, records what became of it; makes
//!   read marks and typing indicators.
//! - **In:** `SendMessage` and `MarkRead` commands on `DISPATCH`, one pinned consumer a shard of numbers; the
//!   `messages` table, which is the truth (a command only says: look).
//! - **Out:** `POST /{phone_number_id}/messages`, `/marketing_messages` and `/media`; `MessageAccepted`, `MessageFailed`, `NumberChanged`, and
//!   `MessageStatusChanged` for statuses that came before their message was known, through the outbox; and
//!   `ContactChanged` or `ContactMerged` where Meta's answer says who somebody is.
//! - **Tables:** reads `numbers`, `conversations`, `contacts`, `media`; writes `messages`, `send_attempts`,
//!   `media_uploads`, `message_statuses`, `contact_identities`, `numbers.token_rejected_at`, `outbox`.
//! - **Next:** `whatsapp-webhook` applies the statuses of what was sent; `gateway` shows the events.
//!
//! Start reading at `engine/mod.rs`; the decisions without IO are in `rules/`.

mod app;
mod consumers;
mod engine;
mod events;
mod handlers;
mod metrics;
mod origins;
mod read_marks;
mod rules;
mod tokens;

pub use app::{App, NEEDS};
pub use consumers::consumers;
