//! What a phone asks.

use std::fmt;

use serde_json::{Map, Value, json};

/// Why the endpoint is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Meta's health check.
    Ping,
    /// The flow is opened.
    Init,
    /// The person goes back on a screen that is made anew then.
    Back,
    /// A screen is submitted.
    DataExchange,
    /// A word Meta added since.
    Other(String),
}

impl Action {
    fn parse(word: &str) -> Self {
        match word {
            "ping" => Self::Ping,
            "INIT" => Self::Init,
            "BACK" => Self::Back,
            "data_exchange" => Self::DataExchange,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ping => "ping",
            Self::Init => "INIT",
            Self::Back => "BACK",
            Self::DataExchange => "data_exchange",
            Self::Other(word) => word,
        }
    }

    /// A label for metrics: one of few, whatever was sent.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Init => "init",
            Self::Back => "back",
            Self::DataExchange => "data_exchange",
            Self::Other(_) => "other",
        }
    }
}

/// A question, decrypted. Fields that are not known here are kept in [`Self::document`].
///
/// # Source
/// Meta, "Implementing Endpoint for Flows", "Data Exchange Request".
#[derive(Clone, PartialEq)]
pub struct DecryptedExchange {
    /// Version of the data API, `3.0` or `4.0`.
    pub version: Option<String>,
    /// Why the endpoint is called.
    pub action: Action,
    /// The screen the person is on; none when the flow is opened.
    pub screen: Option<String>,
    /// What was entered; absent in some questions.
    pub data: Option<Map<String, Value>>,
    /// The token of the message that opened the flow: a secret between the business and this person's flow.
    pub flow_token: Option<String>,
    /// A JWT over the token, signed with the app secret; see
    /// [`SignatureKeys::verify_flow_token`](crate::signature::SignatureKeys::verify_flow_token).
    pub flow_token_signature: Option<String>,
    document: Map<String, Value>,
}

impl DecryptedExchange {
    /// Reads the decrypted bytes; `None` when they are not a JSON object with an `action`.
    pub fn parse(plaintext: &[u8]) -> Option<Self> {
        let document: Map<String, Value> = serde_json::from_slice(plaintext).ok()?;
        let text = |name: &str| {
            document
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Some(Self {
            // Some tools write it as a number.
            version: document.get("version").map(|version| {
                version
                    .as_str()
                    .map_or_else(|| version.to_string(), str::to_owned)
            }),
            action: Action::parse(document.get("action")?.as_str()?),
            screen: text("screen"),
            data: document.get("data").and_then(Value::as_object).cloned(),
            flow_token: text("flow_token"),
            flow_token_signature: text("flow_token_signature"),
            document,
        })
    }

    /// Everything that was sent, unknown fields included.
    pub const fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// The error a phone reports: it could not use our last answer. Expects [`Self::acknowledgement`].
    ///
    /// # Source
    /// Meta, "Implementing Endpoint for Flows", "Error Notification Request".
    pub fn reported_error(&self) -> Option<&str> {
        self.data.as_ref()?.get("error")?.as_str()
    }

    /// The answer to a reported error.
    pub fn acknowledgement() -> Value {
        json!({ "data": { "acknowledged": true } })
    }

    /// The answer to a health check.
    pub fn pong() -> Value {
        json!({ "data": { "status": "active" } })
    }
}

/// What people enter is personal, and the token is a secret.
impl fmt::Debug for DecryptedExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptedExchange")
            .field("version", &self.version)
            .field("action", &self.action)
            .field("screen", &self.screen)
            .finish_non_exhaustive()
    }
}
