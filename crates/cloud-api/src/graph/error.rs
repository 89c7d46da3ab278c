//! How a Graph call can fail, cut along one question: did it take effect?

use std::time::Duration;

use sb_egress::EgressError;

use crate::errors::{MetaError, RetryClass, explain, retry_wait};

/// Why a Graph call has no answer of use.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// Meta answered with an error.
    #[error("{operation}: Meta refused with code {} and HTTP {http_status}", shown(.code.as_ref()))]
    Refused {
        /// The call.
        operation: &'static str,
        /// Meta's code; absent when the answer was not Meta's error form.
        code: Option<i64>,
        /// Meta's subcode.
        subcode: Option<i64>,
        /// The answer's status.
        http_status: u16,
        /// What may be done about it.
        class: RetryClass,
        /// The answer's `Retry-After`.
        retry_after: Option<Duration>,
        /// Meta's own object.
        error: Box<MetaError>,
    },
    /// The request certainly never left: repeating it cannot do anything twice.
    #[error("{operation}: the request was not sent")]
    NotSent {
        /// The call.
        operation: &'static str,
        /// Why.
        #[source]
        source: EgressError,
    },
    /// The request left and its answer is lost: it may have taken effect.
    #[error("{operation}: the answer is lost")]
    AnswerLost {
        /// The call.
        operation: &'static str,
        /// How.
        #[source]
        source: EgressError,
    },
    /// Meta answered with success and something that is not the documented answer: it took effect,
    /// but with what result is unknown.
    #[error("{operation}: the answer with HTTP {http_status} lacks {expected}")]
    Unreadable {
        /// The call.
        operation: &'static str,
        /// The answer's status.
        http_status: u16,
        /// What the answer should have held.
        expected: &'static str,
    },
}

fn shown(code: Option<&i64>) -> String {
    code.map_or_else(|| "none".to_owned(), i64::to_string)
}

impl GraphError {
    pub(super) fn of_exchange(operation: &'static str, source: EgressError) -> Self {
        if source.certainly_not_sent() {
            Self::NotSent { operation, source }
        } else {
            Self::AnswerLost { operation, source }
        }
    }

    /// What may be done about it. Callers of reading operations may repeat those that are
    /// [`RetryClass::Uncertain`] as well.
    pub const fn class(&self) -> RetryClass {
        match self {
            Self::Refused { class, .. } => *class,
            Self::NotSent { source, .. } => match source {
                EgressError::Connect { .. } => RetryClass::transient(1),
                // Wrong settings: the same request will not leave the next time either.
                EgressError::Client(_)
                | EgressError::Request(_)
                | EgressError::Url
                | EgressError::Guarded { .. }
                | EgressError::Timeout { .. }
                | EgressError::Interrupted { .. }
                | EgressError::TooLarge { .. }
                | EgressError::Decode { .. } => RetryClass::Permanent,
            },
            Self::AnswerLost { .. } | Self::Unreadable { .. } => RetryClass::Uncertain,
        }
    }

    /// How long to wait before the next attempt, or `None` when there must be none; see
    /// [`retry_wait`].
    pub fn retry_wait(&self, attempt: u32) -> Option<Duration> {
        let retry_after = match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::NotSent { .. } | Self::AnswerLost { .. } | Self::Unreadable { .. } => None,
        };
        retry_wait(self.class(), attempt, retry_after)
    }

    /// Meta's code, when Meta gave one.
    pub const fn code(&self) -> Option<i64> {
        match self {
            Self::Refused { code, .. } => *code,
            Self::NotSent { .. } | Self::AnswerLost { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// Meta's own error object, when Meta gave one.
    pub fn meta_error(&self) -> Option<&MetaError> {
        match self {
            Self::Refused { error, .. } => Some(error),
            Self::NotSent { .. } | Self::AnswerLost { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// What happened and what to do about it, in one sentence for a person.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } => code
                .and_then(explain)
                .unwrap_or("Meta refused the request: its own message says why"),
            Self::NotSent { .. } => "Meta could not be reached: check network and Graph address",
            Self::AnswerLost { .. } | Self::Unreadable { .. } => {
                "Meta's answer was lost: a status webhook will tell whether it took effect"
            }
        }
    }
}
