//! Builds a completion.

use serde_json::{Value, json};

use super::request::LastWord;
use super::scripts::Script;
use crate::state::ids::Ids;

/// A completion, before it is written whole or in chunks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Completion {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) model: String,
    pub(crate) text: Option<String>,
    pub(crate) tool_calls: Vec<Value>,
    pub(crate) finish_reason: String,
    pub(crate) prompt_tokens: usize,
    pub(crate) answer_tokens: usize,
}

impl Completion {
    /// From a script, or the echo.
    pub(crate) fn new(
        request: &Value,
        last: &LastWord,
        script: Option<&Script>,
        ids: &mut Ids,
        now: i64,
    ) -> Self {
        let tool_calls: Vec<Value> = script
            .map(|script| script.tool_calls.as_slice())
            .unwrap_or_default()
            .iter()
            .map(|call| {
                let arguments = match call.arguments.as_str() {
                    Some(raw) => raw.to_owned(),
                    None if call.arguments.is_null() => "{}".to_owned(),
                    None => call.arguments.to_string(),
                };
                let id = call.id.clone().unwrap_or_else(|| ids.token("call_"));
                let function = json!({ "name": call.name, "arguments": arguments });
                json!({ "id": id, "type": "function", "function": function })
            })
            .collect();
        let text = match script {
            Some(script) if script.text.is_some() || !tool_calls.is_empty() => script.text.clone(),
            _ => Some(last.echo()),
        };
        let finish_reason = script
            .and_then(|script| script.finish_reason.clone())
            .unwrap_or_else(|| {
                let reason = if tool_calls.is_empty() {
                    "stop"
                } else {
                    "tool_calls"
                };
                reason.to_owned()
            });
        let model = request.get("model").and_then(Value::as_str);
        let said = text.as_deref().map_or(0, str::len) + json!(tool_calls).to_string().len();
        Self {
            id: ids.token("chatcmpl-"),
            created: now,
            model: model.unwrap_or_default().to_owned(),
            text,
            tool_calls,
            finish_reason,
            prompt_tokens: tokens(request.get("messages").map_or(0, |m| m.to_string().len())),
            answer_tokens: tokens(said),
        }
    }

    /// `usage`.
    pub(crate) fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.answer_tokens,
            "total_tokens": self.prompt_tokens + self.answer_tokens,
            "prompt_tokens_details": { "cached_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 0 },
        })
    }

    /// The answer in one piece.
    pub(crate) fn whole(&self) -> Value {
        let mut message = json!({ "role": "assistant", "content": self.text, "refusal": null });
        if let (false, Some(message)) = (self.tool_calls.is_empty(), message.as_object_mut()) {
            message.insert("tool_calls".to_owned(), json!(self.tool_calls));
        }
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": message,
                "logprobs": null,
                "finish_reason": self.finish_reason,
            }],
            "usage": self.usage(),
            "system_fingerprint": "fp_simulator",
        })
    }
}

/// Four bytes a token, rounded up: near enough to be plausible, and repeatable.
const fn tokens(bytes: usize) -> usize {
    bytes.div_ceil(4)
}
