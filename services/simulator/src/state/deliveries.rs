//! Log of webhook posts.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// Attempts kept in memory.
const MAX_ATTEMPTS: usize = 10_000;

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Delivered,
    Retrying,
    GivenUp,
}

/// One try of one post.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Attempt {
    pub(crate) sequence: u64,
    /// The same for all tries of a post.
    pub(crate) delivery: u64,
    #[serde(rename = "attempt")]
    pub(crate) tries: u32,
    pub(crate) at: DateTime<Utc>,
    pub(crate) app_id: String,
    pub(crate) url: String,
    pub(crate) updates: usize,
    pub(crate) size_bytes: usize,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) duration_ms: u64,
    pub(crate) outcome: Outcome,
}

/// Totals since start or reset.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct DeliveryTotals {
    pub(crate) posts_delivered: u64,
    pub(crate) updates_delivered: u64,
    pub(crate) attempts_failed: u64,
    pub(crate) posts_given_up: u64,
    /// Updates for apps without a callback.
    pub(crate) updates_without_callback: u64,
}

/// The log, bounded.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeliveryLog {
    attempts: VecDeque<Attempt>,
    next_sequence: u64,
    next_delivery: u64,
    pub(crate) totals: DeliveryTotals,
    /// Why the last try failed, until one succeeds.
    pub(crate) trouble: Option<String>,
}

impl DeliveryLog {
    /// Number of a new post.
    pub(crate) fn begin(&mut self) -> u64 {
        self.next_delivery += 1;
        self.next_delivery
    }

    /// Records a try; true when the health of the callback changed.
    pub(crate) fn record(&mut self, mut attempt: Attempt) -> bool {
        let before = self.trouble.is_some();
        match attempt.outcome {
            Outcome::Delivered => {
                self.totals.posts_delivered += 1;
                self.totals.updates_delivered += u64::try_from(attempt.updates).unwrap_or(0);
                self.trouble = None;
            }
            Outcome::Retrying | Outcome::GivenUp => {
                self.totals.attempts_failed += 1;
                self.totals.posts_given_up += u64::from(attempt.outcome == Outcome::GivenUp);
                self.trouble = Some(match (attempt.status, &attempt.error) {
                    (Some(status), _) => format!("{} answered HTTP {status}", attempt.url),
                    (None, Some(error)) => format!("{}: {error}", attempt.url),
                    (None, None) => format!("{} did not answer", attempt.url),
                });
            }
        }
        self.next_sequence += 1;
        attempt.sequence = self.next_sequence;
        self.attempts.push_back(attempt);
        if self.attempts.len() > MAX_ATTEMPTS {
            self.attempts.pop_front();
        }
        before != self.trouble.is_some()
    }

    pub(crate) fn after(&self, sequence: u64) -> impl Iterator<Item = &Attempt> {
        self.attempts
            .iter()
            .filter(move |attempt| attempt.sequence > sequence)
    }
}
