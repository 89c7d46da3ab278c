//! When a failed attempt is followed by another.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);

/// A provider that wants more than this is not waited for in full: a contact is waiting too.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(10);

/// The wait after the `attempt`-th failure, counted from 1: doubles from a second to a minute, and is never shorter
/// than what the provider asked for. `spread`, 0 to 1, moves it within its second half, so that what failed together
/// does not come back together.
pub(super) fn wait(attempt: u32, retry_after: Option<Duration>, spread: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let full = FIRST
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(LONGEST);
    let own = full.mul_f64(0.5 + spread.clamp(0.0, 1.0) / 2.0);
    own.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_and_honour_the_provider() {
        assert_eq!(wait(1, None, 1.0), Duration::from_secs(1));
        assert_eq!(wait(3, None, 1.0), Duration::from_secs(4));
        assert_eq!(wait(3, None, 0.0), Duration::from_secs(2));
        assert_eq!(wait(99, None, 1.0), LONGEST);
        assert_eq!(
            wait(1, Some(Duration::from_secs(20)), 1.0),
            Duration::from_secs(20)
        );
        assert_eq!(wait(1, Some(Duration::from_hours(5)), 1.0), RETRY_AFTER_MAX);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_shorter_than_asked_for_nor_endless(
            attempt: u32, asked in 0_u64..2_000, spread: f64,
        ) {
            let asked = Duration::from_secs(asked);
            let spread = if spread.is_nan() { 0.0 } else { spread };
            let waited = wait(attempt, Some(asked), spread);
            prop_assert!(waited >= asked.min(RETRY_AFTER_MAX));
            prop_assert!(waited <= RETRY_AFTER_MAX);
        }
    }
}
