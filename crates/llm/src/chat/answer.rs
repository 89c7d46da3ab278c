//! What a model answers, and the documented form of a whole answer.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::ToolCall;
use crate::{LlmError, ProviderError};

/// A model's answer. Text and calls may come together, and both may be empty.
#[derive(Clone, PartialEq, Eq)]
pub struct ChatAnswer {
    /// Its words.
    pub text: String,
    /// What it wants to have called, in its order.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// What it cost, when the provider says so.
    pub usage: Option<Usage>,
    /// Why the model declines, where the provider keeps that apart from the text.
    pub refusal: Option<String>,
    /// The model that answered; more exact than the one asked for.
    pub model: Option<String>,
    /// The provider's id of the answer.
    pub id: Option<String>,
}

/// Answers are not printed.
impl fmt::Debug for ChatAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatAnswer")
            .field("text_bytes", &self.text.len())
            .field("tool_calls", &self.tool_calls)
            .field("finish_reason", &self.finish_reason)
            .field("usage", &self.usage)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It reached the limit of tokens; the text is cut.
    Length,
    /// It waits for results of its calls.
    ToolCalls,
    /// The provider cut it.
    ContentFilter,
    /// Another word of the provider's.
    Other(String),
}

impl FinishReason {
    pub(super) fn parse(word: &str) -> Self {
        match word {
            "stop" => Self::Stop,
            "length" => Self::Length,
            // `function_call` is the word of the deprecated form.
            "tool_calls" | "function_call" => Self::ToolCalls,
            "content_filter" => Self::ContentFilter,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The provider's word, for columns and metrics.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Other(word) => word,
        }
    }
}

/// Tokens of one exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Of these, taken from the provider's cache.
    pub cached_tokens: u64,
    /// Tokens written, reasoning included.
    pub output_tokens: u64,
}

#[derive(Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    prompt_tokens_details: Option<WireTokenDetails>,
}

#[derive(Deserialize)]
struct WireTokenDetails {
    cached_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        let details = wire.prompt_tokens_details;
        Self {
            input_tokens: wire.prompt_tokens,
            cached_tokens: details
                .and_then(|details| details.cached_tokens)
                .unwrap_or(0),
            output_tokens: wire.completion_tokens,
        }
    }
}

#[derive(Deserialize)]
struct WireAnswer {
    id: Option<String>,
    model: Option<String>,
    #[serde(default)]
    choices: Vec<WireChoice>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct WireChoice {
    message: WireMessage,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireMessage {
    content: Option<Value>,
    refusal: Option<String>,
    tool_calls: Option<Vec<WireCall>>,
}

#[derive(Deserialize)]
struct WireCall {
    id: Option<String>,
    function: WireFunction,
}

#[derive(Deserialize)]
struct WireFunction {
    name: String,
    #[serde(default)]
    arguments: String,
}

impl ChatAnswer {
    /// Reads an answer that came in one piece.
    pub(super) fn from_body(body: &[u8]) -> Result<Self, LlmError> {
        // The parser's error would quote the answer.
        let wire: WireAnswer = serde_json::from_slice(body).map_err(|_| LlmError::Malformed {
            expected: "the form of a chat completion",
        })?;
        if let Some(error) = wire.error {
            return Err(LlmError::of_stream(ProviderError::from_value(&error)));
        }
        let choice = wire.choices.into_iter().next();
        let choice = choice.ok_or(LlmError::Malformed {
            expected: "choices[0]",
        })?;
        let calls = choice.message.tool_calls.unwrap_or_default();
        let tool_calls = calls.into_iter().map(|call| ToolCall {
            id: call.id.unwrap_or_default(),
            name: call.function.name,
            arguments: call.function.arguments,
        });
        let finish_reason = choice.finish_reason.as_deref().unwrap_or("stop");
        Ok(Self {
            text: choice
                .message
                .content
                .as_ref()
                .map(text_of)
                .unwrap_or_default(),
            tool_calls: completed(tool_calls.collect()),
            finish_reason: FinishReason::parse(finish_reason),
            usage: wire.usage.map(Usage::from),
            refusal: choice.message.refusal.filter(|text| !text.is_empty()),
            model: wire.model,
            id: wire.id,
        })
    }
}

/// Content is a string, or with some servers a list of parts.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// Fills in what some servers leave out and what they themselves want to have back: an id for each
/// call, and `{}` for no arguments.
pub(super) fn completed(mut calls: Vec<ToolCall>) -> Vec<ToolCall> {
    for (position, call) in calls.iter_mut().enumerate() {
        if call.id.is_empty() {
            call.id = format!("call_{position}");
        }
        if call.arguments.trim().is_empty() {
            "{}".clone_into(&mut call.arguments);
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_is_read() {
        let answer = ChatAnswer::from_body(
            br#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-5-mini-2025","choices":[{"index":0,
            "message":{"role":"assistant","content":"Hello!","refusal":null},"finish_reason":"stop"}],
            "usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,
            "prompt_tokens_details":{"cached_tokens":4}}}"#,
        )
        .unwrap();
        assert_eq!(answer.text, "Hello!");
        assert_eq!(answer.finish_reason, FinishReason::Stop);
        let usage = Usage {
            input_tokens: 9,
            cached_tokens: 4,
            output_tokens: 12,
        };
        assert_eq!(answer.usage, Some(usage));
        assert_eq!(answer.model.as_deref(), Some("gpt-5-mini-2025"));
        assert!(!format!("{answer:?}").contains("Hello"));
    }

    #[test]
    fn calls_and_parts_are_read() {
        let answer = ChatAnswer::from_body(
            br#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],
            "tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":1}"}},
            {"type":"function","function":{"name":"now","arguments":""}}]},"finish_reason":"tool_calls"}]}"#,
        )
        .unwrap();
        assert_eq!(answer.text, "ab");
        assert_eq!(answer.finish_reason, FinishReason::ToolCalls);
        assert_eq!(answer.tool_calls[0].arguments, r#"{"a":1}"#);
        assert_eq!(answer.tool_calls[1].id, "call_1");
        assert_eq!(answer.tool_calls[1].arguments, "{}");
    }

    #[test]
    fn what_is_no_answer_says_what_it_lacks() {
        let kind = |body: &[u8]| ChatAnswer::from_body(body).unwrap_err().kind();
        assert_eq!(kind(b"<html>"), "malformed");
        assert_eq!(kind(br#"{"choices":[]}"#), "malformed");
        assert_eq!(
            kind(br#"{"error":{"code":502,"message":"upstream"}}"#),
            "unavailable"
        );
    }
}
