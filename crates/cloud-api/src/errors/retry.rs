//! What a refusal means for the next attempt.

use std::time::Duration;

/// What may be done after a call to Meta failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryClass {
    /// Refused before it was processed: repeating it later is safe.
    Transient {
        /// The first wait; it doubles with each attempt.
        wait: Duration,
    },
    /// Refused because this pair of number and recipient is too fast; others are not affected.
    PairRate,
    /// Something failed on Meta's side: the message may have gone out. Never repeated blindly.
    Uncertain,
    /// Refused for a long time.
    Later {
        /// The first wait; it doubles with each attempt.
        wait: Duration,
    },
    /// Refused until somebody changes something.
    Permanent,
    /// The token is no longer accepted: nothing with it will work.
    TokenInvalid,
    /// Will not work for this recipient or content.
    NeverForRecipient,
}

impl RetryClass {
    /// Transient, with the first wait in seconds.
    pub const fn transient(seconds: u64) -> Self {
        Self::Transient {
            wait: Duration::from_secs(seconds),
        }
    }

    /// Later, with the first wait in seconds.
    pub const fn later(seconds: u64) -> Self {
        Self::Later {
            wait: Duration::from_secs(seconds),
        }
    }

    /// The class's word, for columns and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient { .. } => "transient",
            Self::PairRate => "pair_rate",
            Self::Uncertain => "uncertain",
            Self::Later { .. } => "later",
            Self::Permanent => "permanent",
            Self::TokenInvalid => "token_invalid",
            Self::NeverForRecipient => "never_for_recipient",
        }
    }

    /// Whether repeating the same request can help and cannot do it twice.
    pub const fn is_repeatable(self) -> bool {
        matches!(
            self,
            Self::Transient { .. } | Self::PairRate | Self::Later { .. }
        )
    }
}

const TRANSIENT_MAX: Duration = Duration::from_hours(1);
const LATER_MAX: Duration = Duration::from_hours(7 * 24);
/// 4^5 s, about 17 minutes.
const PAIR_RATE_STEPS: u32 = 5;

/// How long to wait before the next attempt, or `None` when there must be none.
///
/// `attempt` counts the failures before this one, from 0. Meta's `Retry-After` wins when it is
/// longer. The wait carries no jitter: a number's sends come from one place, which spaces them.
///
/// # Source
/// Meta, "About the platform, pair rate limits": retry after 4^X seconds, X from 0.
pub fn retry_wait(
    class: RetryClass,
    attempt: u32,
    retry_after: Option<Duration>,
) -> Option<Duration> {
    let wait = match class {
        RetryClass::Transient { wait } => doubled(wait, attempt).min(TRANSIENT_MAX),
        RetryClass::Later { wait } => doubled(wait, attempt).min(LATER_MAX),
        RetryClass::PairRate => Duration::from_secs(4_u64.pow(attempt.min(PAIR_RATE_STEPS))),
        RetryClass::Uncertain
        | RetryClass::Permanent
        | RetryClass::TokenInvalid
        | RetryClass::NeverForRecipient => return None,
    };
    Some(retry_after.unwrap_or_default().min(LATER_MAX).max(wait))
}

fn doubled(wait: Duration, attempt: u32) -> Duration {
    wait.saturating_mul(2_u32.saturating_pow(attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(class: RetryClass, attempt: u32) -> Option<u64> {
        retry_wait(class, attempt, None).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_pair_rate_waits_powers_of_four() {
        let waits: Vec<_> = (0..4).map(|n| seconds(RetryClass::PairRate, n)).collect();
        assert_eq!(waits, [Some(1), Some(4), Some(16), Some(64)]);
        assert_eq!(seconds(RetryClass::PairRate, u32::MAX), Some(1_024));
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        assert_eq!(seconds(RetryClass::transient(1), 3), Some(8));
        assert_eq!(seconds(RetryClass::transient(60), 40), Some(3_600));
        assert_eq!(seconds(RetryClass::later(86_400), 1), Some(172_800));
        assert_eq!(seconds(RetryClass::later(86_400), 99), Some(604_800));
    }

    #[test]
    fn metas_longer_wait_wins() {
        let wait = |after| {
            retry_wait(
                RetryClass::transient(10),
                0,
                Some(Duration::from_secs(after)),
            )
        };
        assert_eq!(wait(30), Some(Duration::from_secs(30)));
        assert_eq!(wait(2), Some(Duration::from_secs(10)));
    }

    #[test]
    fn what_may_have_gone_out_is_never_repeated() {
        for class in [
            RetryClass::Uncertain,
            RetryClass::Permanent,
            RetryClass::TokenInvalid,
            RetryClass::NeverForRecipient,
        ] {
            assert_eq!(retry_wait(class, 0, Some(Duration::from_secs(1))), None);
            assert!(!class.is_repeatable());
        }
    }
}
