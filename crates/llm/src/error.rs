//! What failed, whether asking again can help, and when.

use std::{fmt, time::Duration};

use sb_egress::EgressError;
use serde_json::Value;

/// Why there is no answer of a model.
#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    /// The request did not leave.
    #[error("asking the model: the request was not sent")]
    NotSent {
        /// Why.
        #[source]
        source: EgressError,
    },
    /// The connection broke or the time was up before the answer was complete.
    #[error("asking the model: the answer did not arrive completely")]
    Interrupted {
        /// How.
        #[source]
        source: EgressError,
    },
    /// The stream stood still for too long.
    #[error("asking the model: the answer stood still for {after:?}")]
    Stalled {
        /// How long.
        after: Duration,
    },
    /// The stream ended without saying that the answer is complete.
    #[error("asking the model: the answer ended in the middle")]
    Cut,
    /// Too many requests or tokens a minute.
    #[error("asking the model: the provider's rate limit is reached")]
    RateLimited {
        /// When the provider wants to be asked again.
        retry_after: Option<Duration>,
        /// What it said.
        error: Box<ProviderError>,
    },
    /// The provider has a problem of its own.
    #[error("asking the model: the provider is unavailable (HTTP {http_status})")]
    Unavailable {
        /// The answer's status, or the one the provider named inside the stream.
        http_status: u16,
        /// When the provider wants to be asked again.
        retry_after: Option<Duration>,
        /// What it said.
        error: Box<ProviderError>,
    },
    /// The provider will not answer this request: key, model, quota or content.
    #[error("asking the model: the provider refused (HTTP {http_status})")]
    Refused {
        /// The answer's status, or the one the provider named inside the stream.
        http_status: u16,
        /// What it said.
        error: Box<ProviderError>,
    },
    /// The answer is not in the protocol's form.
    #[error("asking the model: the answer lacks {expected}")]
    Malformed {
        /// What it should have held.
        expected: &'static str,
    },
    /// The answer is longer than we take.
    #[error("asking the model: the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
}

/// A provider's own error object.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// `invalid_request_error`, `rate_limit_error`, …
    pub kind: Option<String>,
    /// `model_not_found`, `insufficient_quota`, …
    pub code: Option<String>,
    /// For a person to read; may quote the request.
    pub message: Option<String>,
}

/// The message may quote the prompt or a part of the key, so it is not printed.
impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("kind", &self.kind)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

const MESSAGE_CHARS_MAX: usize = 1_000;

impl ProviderError {
    /// Reads `{"error": {…}}` and the variants that other servers make of it.
    pub(crate) fn from_body(body: &[u8]) -> Self {
        let parsed: Option<Value> = serde_json::from_slice(body).ok();
        // Google answers a list with one item.
        let error = parsed.and_then(|value| {
            let object = value.get(0).unwrap_or(&value);
            object.get("error").cloned()
        });
        error.map_or_else(
            || Self {
                message: Some(shortened(&String::from_utf8_lossy(body))),
                ..Self::default()
            },
            |error| Self::from_value(&error),
        )
    }

    /// Reads the object inside of `error`.
    pub(crate) fn from_value(error: &Value) -> Self {
        let text = |key: &str| match error.get(key) {
            Some(Value::String(text)) => Some(shortened(text)),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
        };
        Self {
            kind: text("type").or_else(|| text("status")),
            code: text("code"),
            message: text("message").or_else(|| error.as_str().map(shortened)),
        }
    }

    fn says(&self, word: &str) -> bool {
        [&self.kind, &self.code]
            .into_iter()
            .flatten()
            .any(|text| text.to_ascii_lowercase().contains(word))
    }

    /// The HTTP status an error inside a stream stands for: its own code where that is one,
    /// otherwise by its type.
    fn stream_status(&self) -> u16 {
        let own = self.code.as_deref().and_then(|code| code.parse().ok());
        if let Some(status @ 400..=599) = own {
            return status;
        }
        if self.says("rate_limit") {
            429
        } else if self.says("authentication") || self.says("permission") {
            401
        } else if self.says("invalid") || self.says("not_found") {
            400
        } else {
            500
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

impl LlmError {
    pub(crate) fn of_exchange(source: EgressError) -> Self {
        match source {
            EgressError::Client(_)
            | EgressError::Request(_)
            | EgressError::Url
            | EgressError::Guarded { .. }
            | EgressError::Connect { .. } => Self::NotSent { source },
            EgressError::TooLarge { limit_bytes, .. } => Self::TooLarge { limit_bytes },
            EgressError::Timeout { .. }
            | EgressError::Interrupted { .. }
            | EgressError::Decode { .. } => Self::Interrupted { source },
        }
    }

    pub(crate) fn of_status(
        http_status: u16,
        retry_after: Option<Duration>,
        error: ProviderError,
    ) -> Self {
        // OpenAI says 429 as well when the account has no money left; waiting does not help.
        let is_out_of_quota = error.says("insufficient_quota");
        let error = Box::new(error);
        match http_status {
            429 if !is_out_of_quota => Self::RateLimited { retry_after, error },
            408 | 409 | 425 | 500..=599 => Self::Unavailable {
                http_status,
                retry_after,
                error,
            },
            _ => Self::Refused { http_status, error },
        }
    }

    pub(crate) fn of_stream(error: ProviderError) -> Self {
        Self::of_status(error.stream_status(), None, error)
    }

    /// Whether asking again can help. Asking a model has no effect beyond its price, so a lost
    /// answer counts.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::NotSent { source } => matches!(source, EgressError::Connect { .. }),
            Self::Interrupted { .. }
            | Self::Stalled { .. }
            | Self::Cut
            | Self::RateLimited { .. }
            | Self::Unavailable { .. } => true,
            Self::Refused { .. } | Self::Malformed { .. } | Self::TooLarge { .. } => false,
        }
    }

    /// When the provider wants to be asked again, when it said so.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Unavailable { retry_after, .. } => {
                *retry_after
            }
            Self::NotSent { .. }
            | Self::Interrupted { .. }
            | Self::Stalled { .. }
            | Self::Cut
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. } => None,
        }
    }

    /// What the provider said, for the organization whose agent asked; never for a log.
    pub fn provider_error(&self) -> Option<&ProviderError> {
        match self {
            Self::RateLimited { error, .. }
            | Self::Unavailable { error, .. }
            | Self::Refused { error, .. } => Some(error),
            Self::NotSent { .. }
            | Self::Interrupted { .. }
            | Self::Stalled { .. }
            | Self::Cut
            | Self::Malformed { .. }
            | Self::TooLarge { .. } => None,
        }
    }

    /// A word for metrics and columns.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotSent { .. } => "not_sent",
            Self::Interrupted { .. } => "interrupted",
            Self::Stalled { .. } => "stalled",
            Self::Cut => "cut",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } => "unavailable",
            Self::Refused { .. } => "refused",
            Self::Malformed { .. } => "malformed",
            Self::TooLarge { .. } => "too_large",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> LlmError {
        LlmError::of_status(status, None, ProviderError::from_body(body.as_bytes()))
    }

    #[test]
    fn statuses_tell_whether_asking_again_can_help() {
        for status in [408, 409, 429, 500, 502, 503, 529] {
            assert!(of(status, "{}").is_retryable(), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 413, 422] {
            assert!(!of(status, "{}").is_retryable(), "{status}");
        }
    }

    #[test]
    fn an_account_without_money_is_not_asked_again() {
        let error = of(
            429,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
        );
        assert!(matches!(
            error,
            LlmError::Refused {
                http_status: 429,
                ..
            }
        ));
    }

    #[test]
    fn error_objects_of_several_servers_are_read() {
        let google = ProviderError::from_body(
            br#"[{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT"}}]"#,
        );
        assert_eq!(google.code.as_deref(), Some("400"));
        assert_eq!(google.kind.as_deref(), Some("INVALID_ARGUMENT"));
        let ollama = ProviderError::from_body(br#"{"error":"model not found"}"#);
        assert_eq!(ollama.message.as_deref(), Some("model not found"));
        let page = ProviderError::from_body(b"<html>Bad gateway</html>");
        assert_eq!(page.message.as_deref(), Some("<html>Bad gateway</html>"));
    }

    #[test]
    fn a_providers_words_do_not_print() {
        let error = of(401, r#"{"error":{"message":"Incorrect API key sk-12345"}}"#);
        assert!(!format!("{error:?} {error}").contains("sk-"));
        let message = error
            .provider_error()
            .and_then(|error| error.message.as_deref());
        assert_eq!(message, Some("Incorrect API key sk-12345"));
    }

    #[test]
    fn errors_inside_a_stream_are_sorted_by_their_own_code_or_type() {
        let of = |json: Value| LlmError::of_stream(ProviderError::from_value(&json));
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(of(json(r#"{"code":502}"#)).kind(), "unavailable");
        assert_eq!(of(json(r#"{"type":"server_error"}"#)).kind(), "unavailable");
        assert_eq!(
            of(json(r#"{"code":"rate_limit_exceeded"}"#)).kind(),
            "rate_limited"
        );
        assert_eq!(
            of(json(r#"{"type":"invalid_request_error"}"#)).kind(),
            "refused"
        );
        assert_eq!(of(json(r#""boom""#)).kind(), "unavailable");
    }
}
