//! Role: runs agent turns. A received message makes its conversation's turn due; a worker claims it, asks the model,
//! and queues the answer.
//!
//! In: `MessageReceived` ([`sb_events::consumers::agent_turns`]).
//! Out: `MessageQueued` and `SendMessage` for answers, `MarkRead` while the model works; internal notes for errors.
//! Tables: reads conversations, numbers, organizations, agents, contacts, messages, annotations; writes `agent_turns`,
//! messages, outbox.
//! Next: `handlers/message_received.rs` (asking), `turn/scheduler.rs` (claiming), `turn/attempt.rs` (answering).

mod answer;
mod app;
mod consumers;
mod handlers;
mod metrics;
mod prompt;
mod turn;

pub use app::{App, NEEDS};
