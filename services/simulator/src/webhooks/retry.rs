//! When an unacknowledged webhook is posted again.

use std::time::Duration;

use crate::state::faults::Faults;

/// Doubling waits up to a cap, until a horizon.
///
/// # Source
/// Meta, "Webhooks overview": retries with decreasing frequency for up to
/// 7 days. Another page of Meta says 36 hours, hence the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetrySchedule {
    base: Duration,
    cap: Duration,
    horizon: Duration,
}

impl RetrySchedule {
    pub(crate) fn from_faults(faults: &Faults) -> Self {
        Self {
            base: Duration::from_millis(faults.retry_base_ms.unwrap_or(1_000)),
            cap: Duration::from_millis(faults.retry_cap_ms.unwrap_or(300_000)),
            horizon: Duration::from_secs(faults.retry_horizon_s.unwrap_or(7 * 24 * 3600)),
        }
    }

    /// Wait after the `attempt`th failure (the first is 1) of a webhook of that
    /// age; `None` when it is given up.
    pub(crate) fn wait(&self, attempt: u32, age: Duration) -> Option<Duration> {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let wait = self.base.saturating_mul(factor).min(self.cap);
        (age + wait <= self.horizon).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_five_minutes_and_end_after_seven_days() {
        let schedule = RetrySchedule::from_faults(&Faults::default());
        let waits: Vec<_> = (1..=12)
            .filter_map(|attempt| schedule.wait(attempt, Duration::ZERO))
            .map(|wait| wait.as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        let week = Duration::from_hours(7 * 24);
        assert_eq!(schedule.wait(3000, week), None);
    }
}
