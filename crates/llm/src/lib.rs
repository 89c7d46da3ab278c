#![doc = include_str!("../README.md")]

mod chat;
mod error;
mod provider;

pub use chat::{
    ChatAnswer, ChatClient, ChatMessage, ChatRequest, ContentPart, FinishReason, Tool, ToolCall,
    Usage,
};
pub use error::{LlmError, ProviderError};
pub use provider::{Provider, UnknownProvider};
