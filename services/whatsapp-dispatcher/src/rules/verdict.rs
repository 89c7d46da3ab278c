//! What becomes of a message after an attempt to send it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sb_cloud_api::errors::RetryClass;
use sb_cloud_api::graph::{GraphError, SendReceipt};
use sb_db::dispatch::{AttemptOutcome, ClaimedMessage};
use sb_ids::Wamid;
use serde_json::Value;

use super::gate::{Stop, is_expired};

#[cfg(test)]
mod tests;

/// Tries a message gets however long it has waited before: for its pace, or for a new token.
const RETRIED_AT_LEAST: i32 = 8;
/// How long a message that could not go is tried again. Longer than an outage, and as long as the customer
/// service window that most messages depend on.
const RETRIED_FOR: TimeDelta = TimeDelta::hours(24);
/// Attempts at a message that Meta puts off for hours or days.
const POSTPONED_ATTEMPTS: i32 = 5;
/// Between attempts while Meta cannot be reached.
const UNREACHABLE_MAX: Duration = Duration::from_mins(1);
/// A message whose token was refused waits for the next look at its number, not for this.
const AFTER_REJECTION: Duration = Duration::from_secs(1);
const TOKEN_UNREADABLE_WAIT: Duration = Duration::from_mins(1);
/// No refusal stops a number for longer without another try.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// Refusals that every other message of the number would get as well: the app's and the account's rate
/// limit, the number's throughput, maintenance.
const NUMBER_WIDE: [i64; 6] = [4, 80_007, 80_008, 130_429, 131_057, 2_494_100];

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Meta has it.
    Accepted(Wamid),
    /// It is tried again.
    Again {
        /// When.
        at: DateTime<Utc>,
        /// Until then the conversation goes on without it.
        is_postponed: bool,
        /// What was in the way.
        failure: Failure,
    },
    /// It will not be sent.
    Failed(Failure),
    /// Meta may have it. Only a status can tell, until the deadline.
    Unknown {
        /// When the policy decides.
        deadline: DateTime<Utc>,
        /// What was in the way of the answer.
        failure: Failure,
    },
}

/// What was in the way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    /// Our stable code.
    pub(crate) code: String,
    /// Meta's own object, or null.
    pub(crate) error: Value,
    /// How the request ended; `None` when there was none.
    pub(crate) outcome: Option<AttemptOutcome>,
}

/// What an outcome means beyond its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// The number sends nothing for a while.
    PauseNumber(Duration),
    /// The number sends nothing until it has another token.
    RejectToken,
}

/// The operator's part of the rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long a lost answer waits for a status.
    pub(crate) unknown_deadline: TimeDelta,
}

impl Verdict {
    /// The word for metrics.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Again { .. } => "retried",
            Self::Failed(_) => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// The verdict on a message that was stopped before it left.
pub(crate) fn stopped(stop: Stop) -> Verdict {
    Verdict::Failed(Failure {
        code: stop.code().to_owned(),
        error: Value::Null,
        outcome: None,
    })
}

/// The verdict on a message whose number's token cannot be opened: somebody has to repair the vault's keys.
pub(crate) fn token_unreadable(now: DateTime<Utc>) -> Verdict {
    Verdict::Again {
        at: after(now, TOKEN_UNREADABLE_WAIT),
        is_postponed: false,
        failure: Failure {
            code: "number.token_unreadable".to_owned(),
            error: Value::Null,
            outcome: Some(AttemptOutcome::NotSent),
        },
    }
}

/// The verdict on a message whose file cannot be had now: the storage is away, or somebody has to install what converts
/// it. Nothing of the message has left.
pub(crate) fn file_waits(message: &ClaimedMessage, code: &str, now: DateTime<Utc>) -> Verdict {
    let failure = Failure {
        code: code.to_owned(),
        error: Value::Null,
        outcome: Some(AttemptOutcome::NotSent),
    };
    again(message, after(now, unreachable_wait(message)), failure)
}

/// The verdict on a message whose file Meta did not take. Whatever became of the file, nothing of the message has left.
pub(crate) fn judge_upload(
    message: &ClaimedMessage,
    error: &GraphError,
    now: DateTime<Utc>,
) -> (Verdict, Effect) {
    let failure = Failure {
        outcome: Some(AttemptOutcome::NotSent),
        ..failure(error)
    };
    let verdict = match error.class() {
        RetryClass::Permanent | RetryClass::NeverForRecipient => Verdict::Failed(failure),
        RetryClass::TokenInvalid => Verdict::Again {
            at: after(now, AFTER_REJECTION),
            is_postponed: false,
            failure,
        },
        RetryClass::Uncertain
        | RetryClass::Transient { .. }
        | RetryClass::PairRate
        | RetryClass::Later { .. } => {
            let wait = error.retry_wait(failures_before(message));
            let wait = wait.unwrap_or_else(|| unreachable_wait(message));
            again(message, after(now, wait), failure)
        }
    };
    (verdict, effect(error))
}

/// The verdict on a message that was sent with a copy of a file that Meta does not have any more.
pub(crate) fn file_is_uploaded_again(
    message: &ClaimedMessage,
    verdict: Verdict,
    now: DateTime<Utc>,
) -> Verdict {
    match verdict {
        Verdict::Failed(failure) => again(message, now, failure),
        Verdict::Accepted(_) | Verdict::Again { .. } | Verdict::Unknown { .. } => verdict,
    }
}

fn failures_before(message: &ClaimedMessage) -> u32 {
    u32::try_from(message.attempt.saturating_sub(1)).unwrap_or(0)
}

/// Grows with each attempt.
fn unreachable_wait(message: &ClaimedMessage) -> Duration {
    let wait =
        Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(failures_before(message)));
    wait.min(UNREACHABLE_MAX)
}

/// The verdict on an attempt.
pub(crate) fn judge(
    message: &ClaimedMessage,
    answer: Result<SendReceipt, GraphError>,
    now: DateTime<Utc>,
    patience: Patience,
) -> (Verdict, Effect) {
    let error = match answer {
        Ok(receipt) => return (Verdict::Accepted(receipt.wamid), Effect::None),
        Err(error) => error,
    };
    let failure = failure(&error);
    if matches!(error, GraphError::NotSent { .. }) {
        let at = after(now, unreachable_wait(message));
        return (again(message, at, failure), Effect::None);
    }
    let wait = error.retry_wait(failures_before(message));
    let verdict = match (error.class(), wait) {
        (RetryClass::Uncertain, _) => Verdict::Unknown {
            deadline: now + patience.unknown_deadline,
            failure,
        },
        (RetryClass::TokenInvalid, _) => Verdict::Again {
            at: after(now, AFTER_REJECTION),
            is_postponed: false,
            failure,
        },
        (RetryClass::Later { .. }, Some(wait)) => postponed(message, after(now, wait), failure),
        (RetryClass::Transient { .. } | RetryClass::PairRate, Some(wait)) => {
            again(message, after(now, wait), failure)
        }
        (
            RetryClass::Permanent
            | RetryClass::NeverForRecipient
            | RetryClass::Later { .. }
            | RetryClass::Transient { .. }
            | RetryClass::PairRate,
            _,
        ) => Verdict::Failed(failure),
    };
    (verdict, effect(&error))
}

fn after(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(7))
}

/// Tried again in its place, unless that is too late.
fn again(message: &ClaimedMessage, at: DateTime<Utc>, failure: Failure) -> Verdict {
    if is_expired(message.expires_at, at) {
        expired(failure)
    } else if message.attempt > RETRIED_AT_LEAST && at > message.due_since + RETRIED_FOR {
        Verdict::Failed(failure)
    } else {
        Verdict::Again {
            at,
            is_postponed: false,
            failure,
        }
    }
}

/// Tried again some other day, out of its place.
fn postponed(message: &ClaimedMessage, at: DateTime<Utc>, failure: Failure) -> Verdict {
    if is_expired(message.expires_at, at) {
        expired(failure)
    } else if message.attempt >= POSTPONED_ATTEMPTS {
        Verdict::Failed(failure)
    } else {
        Verdict::Again {
            at,
            is_postponed: true,
            failure,
        }
    }
}

/// The next attempt would come too late; what Meta said about this one is kept.
fn expired(failure: Failure) -> Verdict {
    Verdict::Failed(Failure {
        code: Stop::Expired.code().to_owned(),
        ..failure
    })
}

fn failure(error: &GraphError) -> Failure {
    let (code, outcome) = match error {
        GraphError::Refused {
            code: Some(code), ..
        } => (format!("meta.{code}"), AttemptOutcome::Refused),
        GraphError::Refused { http_status, .. } => {
            (format!("meta.http_{http_status}"), AttemptOutcome::Refused)
        }
        GraphError::NotSent { .. } => ("send.not_sent".to_owned(), AttemptOutcome::NotSent),
        GraphError::AnswerLost { .. } => {
            ("send.answer_lost".to_owned(), AttemptOutcome::AnswerLost)
        }
        GraphError::Unreadable { .. } => (
            "send.answer_unreadable".to_owned(),
            AttemptOutcome::AnswerLost,
        ),
    };
    Failure {
        code,
        error: error
            .meta_error()
            .map_or(Value::Null, |meta| meta.raw.clone()),
        outcome: Some(outcome),
    }
}

fn effect(error: &GraphError) -> Effect {
    let GraphError::Refused {
        code,
        http_status,
        class,
        retry_after,
        ..
    } = error
    else {
        return Effect::None;
    };
    let first_wait = match class {
        RetryClass::TokenInvalid => return Effect::RejectToken,
        RetryClass::Transient { wait } | RetryClass::Later { wait } => *wait,
        RetryClass::PairRate
        | RetryClass::Uncertain
        | RetryClass::Permanent
        | RetryClass::NeverForRecipient => return Effect::None,
    };
    if *http_status == 429 || code.is_some_and(|code| NUMBER_WIDE.contains(&code)) {
        let wait = first_wait.max(retry_after.unwrap_or_default());
        Effect::PauseNumber(wait.min(PAUSE_MAX))
    } else {
        Effect::None
    }
}
