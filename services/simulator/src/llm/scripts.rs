//! Scripted answers, faults and the log of requests.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::ids::Ids;

/// Scripts that may wait.
const MAX_SCRIPTS: usize = 10_000;
/// Requests kept in the log.
const MAX_REQUESTS: usize = 2_000;
/// A larger request is logged without its body.
const MAX_LOGGED_BYTES: usize = 256 * 1024;

/// A call of a tool in a scripted answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedToolCall {
    /// Id of the call; made up when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the tool.
    pub name: String,
    /// Arguments: an object, or the raw text to send (which may be broken JSON).
    #[serde(default)]
    pub arguments: Value,
}

/// One scripted answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Only for requests whose last user text contains this.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Text of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Tool calls of the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ScriptedToolCall>,
    /// Wait before the answer.
    pub delay_ms: u64,
    /// HTTP status of an error answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Body sent as it is, instead of a completion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// `finish_reason`, for example `length` or `content_filter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// Send something that is not JSON.
    pub malformed: bool,
    /// Drop the connection after this many chunks of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_after: Option<usize>,
    /// How often it is used; 0 means for ever, absent once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

/// Faults of the model endpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LlmFaults {
    /// Wait before each answer.
    pub latency_ms: u64,
    /// HTTP status of failures; absent means none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How often requests fail, 0 to 1; 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// How many fail in all; absent means without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A logged request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LoggedRequest {
    pub(crate) sequence: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) status: u16,
    /// What a script or the echo answered.
    pub(crate) answered_by: &'static str,
    pub(crate) body: Value,
}

/// Everything about the model endpoints.
#[derive(Debug, Clone, Default)]
pub(crate) struct LlmState {
    scripts: VecDeque<Script>,
    requests: VecDeque<LoggedRequest>,
    sequence: u64,
    pub(crate) faults: LlmFaults,
}

impl LlmState {
    /// Appends scripts; false when there is no room.
    pub(crate) fn add(&mut self, scripts: Vec<Script>) -> bool {
        if self.scripts.len() + scripts.len() > MAX_SCRIPTS {
            return false;
        }
        self.scripts.extend(scripts);
        true
    }

    pub(crate) fn scripts(&self) -> impl Iterator<Item = &Script> {
        self.scripts.iter()
    }

    pub(crate) fn clear_scripts(&mut self) {
        self.scripts.clear();
    }

    /// Takes the first script that fits the text.
    pub(crate) fn script_for(&mut self, text: &str) -> Option<Script> {
        let fits = |script: &Script| {
            script
                .contains
                .as_deref()
                .is_none_or(|wanted| text.contains(wanted))
        };
        let at = self.scripts.iter().position(fits)?;
        let script = self.scripts.get_mut(at)?;
        let taken = script.clone();
        match script.times {
            Some(0) => {}
            None | Some(1) => {
                self.scripts.remove(at);
            }
            Some(times) => script.times = Some(times - 1),
        }
        Some(taken)
    }

    /// Status of an injected failure of this request.
    pub(crate) fn strike(&mut self, ids: &mut Ids) -> Option<u16> {
        let status = self.faults.status?;
        let probability = self.faults.probability.unwrap_or(1.0);
        if self.faults.count == Some(0) || !ids.chance(probability) {
            return None;
        }
        self.faults.count = self.faults.count.map(|count| count - 1);
        Some(status)
    }

    pub(crate) fn log(&mut self, mut request: LoggedRequest, size: usize) {
        if size > MAX_LOGGED_BYTES {
            request.body = serde_json::json!({ "omitted_bytes": size });
        }
        self.sequence += 1;
        request.sequence = self.sequence;
        self.requests.push_back(request);
        if self.requests.len() > MAX_REQUESTS {
            self.requests.pop_front();
        }
    }

    pub(crate) fn requests_after(&self, sequence: u64) -> impl Iterator<Item = &LoggedRequest> {
        self.requests
            .iter()
            .filter(move |request| request.sequence > sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(contains: Option<&str>, text: &str, times: Option<u64>) -> Script {
        Script {
            contains: contains.map(str::to_owned),
            text: Some(text.to_owned()),
            times,
            ..Script::default()
        }
    }

    #[test]
    fn scripts_are_used_in_order_and_by_match() {
        let mut state = LlmState::default();
        state.add(vec![
            script(Some("price"), "10", None),
            script(None, "any", Some(2)),
        ]);
        let mut next = |text: &str| state.script_for(text).and_then(|script| script.text);
        assert_eq!(next("hello").as_deref(), Some("any"));
        assert_eq!(next("the price?").as_deref(), Some("10"));
        assert_eq!(next("the price?").as_deref(), Some("any"));
        assert_eq!(next("hello"), None);
    }

    #[test]
    fn endless_script_stays() {
        let mut state = LlmState::default();
        state.add(vec![script(None, "x", Some(0))]);
        assert!((0..5).all(|_| state.script_for("").is_some()));
    }
}
