//! Chat completions.
//!
//! In: a [`ChatRequest`]. Out: a [`ChatAnswer`] or a [`crate::LlmError`]. Streaming changes when
//! bytes arrive, not what comes out: it is there so that a dead connection is noticed early.
//!
//! # Source
//! OpenAI, "API reference, chat completions" and "Streaming".

mod answer;
mod client;
mod request;
mod stream;

pub use answer::{ChatAnswer, FinishReason, Usage};
pub use client::ChatClient;
pub use request::{ChatMessage, ChatRequest, ContentPart, Tool, ToolCall};
