//! Meta's errors: one form for the two shapes Meta uses, and what to do about each code.

mod codes;
mod retry;

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Value, value::RawValue};

pub use codes::{classify, explain};
pub use retry::{RetryClass, retry_wait};

/// An error object of Meta's, from an answer (`error`) or a webhook (`errors[]`).
///
/// Branch on [`MetaError::code`], never on texts or the HTTP status.
///
/// # Source
/// Meta, "Error codes", 2026-05-15.
#[derive(Clone, PartialEq)]
pub struct MetaError {
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's subcode; gone since v16 for most.
    pub subcode: Option<i64>,
    /// `title` or `message`.
    pub title: Option<String>,
    /// `error_data.details`: what exactly is wrong. May name a phone number.
    pub details: Option<String>,
    /// What Meta's support asks for.
    pub fbtrace_id: Option<String>,
    /// Meta's own hint that trying again may help.
    pub is_transient: bool,
    /// The object as received.
    pub raw: Value,
}

impl MetaError {
    /// Reads an error object; what it lacks is absent.
    pub fn from_value(raw: Value) -> Self {
        let text = |pointer: &str| {
            raw.pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let number = |pointer: &str| raw.pointer(pointer).and_then(integer);
        Self {
            code: number("/code"),
            subcode: number("/error_subcode"),
            title: text("/title").or_else(|| text("/message")),
            details: text("/error_data/details"),
            fbtrace_id: text("/fbtrace_id"),
            is_transient: raw.pointer("/is_transient").and_then(Value::as_bool) == Some(true),
            raw,
        }
    }

    /// Reads an error object of a webhook.
    pub fn from_raw(raw: &RawValue) -> Self {
        let value = serde_json::from_str(raw.get());
        Self::from_value(value.unwrap_or_else(|_| Value::String(raw.get().to_owned())))
    }

    /// The code as a word for columns and API answers: `meta.131026`, `meta.none` without one.
    pub fn code_word(&self) -> String {
        self.code
            .map_or_else(|| "meta.none".to_owned(), |code| format!("meta.{code}"))
    }

    /// What to do about it, given the status of the answer it came in.
    pub fn class(&self, http_status: u16) -> RetryClass {
        classify(self.code, http_status, self.is_transient)
    }
}

/// Serialises as the object that was received.
impl Serialize for MetaError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}

/// Details can name a phone number, so only what cannot is printed.
impl fmt::Debug for MetaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetaError")
            .field("code", &self.code)
            .field("subcode", &self.subcode)
            .field("fbtrace_id", &self.fbtrace_id)
            .finish_non_exhaustive()
    }
}

fn integer(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_shapes_read_the_same() {
        let answer = MetaError::from_value(json!({
            "message": "(#131056) Pair rate", "type": "OAuthException", "code": 131_056,
            "error_subcode": "2494", "fbtrace_id": "A",
            "error_data": {"messaging_product": "whatsapp", "details": "d"},
        }));
        assert_eq!(answer.code, Some(131_056));
        assert_eq!(answer.subcode, Some(2494));
        assert_eq!(answer.details.as_deref(), Some("d"));
        let webhook = MetaError::from_value(json!({"code": 131_056, "title": "Pair rate"}));
        assert_eq!(webhook.title.as_deref(), Some("Pair rate"));
    }

    #[test]
    fn an_error_of_another_form_is_kept() {
        let error = MetaError::from_value(json!("oops"));
        assert_eq!(error.code, None);
        assert_eq!(error.code_word(), "meta.none");
        assert_eq!(serde_json::to_value(&error).unwrap(), json!("oops"));
    }

    #[test]
    fn details_do_not_print() {
        let error = MetaError::from_value(json!({"error_data": {"details": "+4917"}}));
        assert!(!format!("{error:?}").contains("4917"));
    }
}
