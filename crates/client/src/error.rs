//! Why a call has no result.

use sb_egress::EgressError;
use serde::Deserialize;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address of the gateway cannot be used.
    #[error("the gateway's address {base_url} is not an http(s) URL")]
    BaseUrl {
        /// The address as given.
        base_url: String,
        /// What is wrong with it.
        #[source]
        source: Option<url::ParseError>,
    },
    /// The gateway refused, and said why.
    #[error("the gateway refused `{operation}`: {problem}")]
    Problem {
        /// What was attempted.
        operation: &'static str,
        /// Why it was refused.
        problem: Box<Problem>,
    },
    /// No usable answer came.
    #[error("`{operation}` got no usable answer")]
    Transport {
        /// What was attempted.
        operation: &'static str,
        /// Why.
        #[source]
        source: EgressError,
    },
    /// Something answered that is not the gateway: a proxy, another server.
    #[error("`{operation}` was answered with status {status} by something that is not the gateway")]
    NotTheGateway {
        /// What was attempted.
        operation: &'static str,
        /// The status it gave.
        status: u16,
    },
    /// An event cannot be read.
    #[error("the event at {place} cannot be read")]
    Event {
        /// Its place in the stream.
        place: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl ClientError {
    /// The problem's stable code, when the gateway gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem { problem, .. } => Some(&problem.code),
            Self::BaseUrl { .. }
            | Self::Transport { .. }
            | Self::NotTheGateway { .. }
            | Self::Event { .. } => None,
        }
    }

    /// The HTTP status, when there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            Self::NotTheGateway { status, .. } => Some(*status),
            Self::BaseUrl { .. } | Self::Transport { .. } | Self::Event { .. } => None,
        }
    }

    /// Whether the same call may succeed later: the network, an overloaded or restarting gateway.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Problem { .. } | Self::NotTheGateway { .. } => self
                .status()
                .is_some_and(|s| s == 408 || s == 429 || s >= 500),
            Self::BaseUrl { .. } | Self::Event { .. } => false,
        }
    }
}

/// A refusal (RFC 9457). Decide by `code`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// Where the code is explained, relative to the gateway.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code says in one line.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What exactly is wrong with this request.
    #[serde(default)]
    pub detail: Option<String>,
    /// The stable code.
    pub code: String,
    /// The id of the request.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The id of the trace.
    #[serde(default)]
    pub trace_id: Option<String>,
    /// The fields at fault.
    #[serde(default)]
    pub errors: Vec<FieldError>,
}

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldError {
    /// Its path in the body.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.title, self.code)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        for error in &self.errors {
            write!(f, "; {}: {}", error.field, error.detail)?;
        }
        Ok(())
    }
}
