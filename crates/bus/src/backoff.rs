//! Waiting longer each time, never all at the same moment.

use std::time::Duration;

/// How waits grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Between tries of one item: half a second to a minute.
    pub(crate) const ITEM: Self = Self {
        first: Duration::from_millis(500),
        longest: Duration::from_mins(1),
    };

    /// Until something everybody needs is back: short, because everything waits for it.
    pub(crate) const AWAY: Self = Self {
        first: Duration::from_millis(200),
        longest: Duration::from_secs(5),
    };

    /// Between tries of reaching the server.
    pub(crate) const SERVER: Self = Self {
        first: Duration::from_millis(50),
        longest: Duration::from_secs(5),
    };

    /// The wait after the `tries`-th failure, counted from 1. Between half and all of the doubled
    /// first wait, so that what failed together does not come back together.
    pub(crate) fn after(self, tries: i64) -> Duration {
        let doublings = u32::try_from(tries.saturating_sub(1).clamp(0, 20)).unwrap_or(0);
        let full = self
            .first
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(self.longest);
        full.mul_f64(0.5 + rand::random::<f64>() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_stay_below_the_longest() {
        for (tries, full_ms) in [
            (i64::MIN, 500),
            (0, 500),
            (1, 500),
            (2, 1_000),
            (5, 8_000),
            (99, 60_000),
        ] {
            let full = Duration::from_millis(full_ms);
            let wait = Backoff::ITEM.after(tries);
            assert!(wait >= full / 2 && wait <= full, "{tries}: {wait:?}");
        }
    }
}
