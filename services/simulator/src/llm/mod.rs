//! An OpenAI-compatible model provider that answers as told.
//!
//! Without a script the answer is an echo, so that a conversation through all
//! services can be recognised at its end.

pub(crate) mod answer;
pub(crate) mod endpoints;
pub(crate) mod request;
pub(crate) mod scripts;
pub(crate) mod stream;

pub(crate) use scripts::LlmState;
