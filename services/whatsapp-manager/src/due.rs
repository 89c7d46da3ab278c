//! Reads every number's profile again when it is old enough, by itself.
//!
//! Replicas share the work: a batch is claimed with a hold on its numbers, so that no two read the same one. A
//! replica that dies lets its hold run out. Calls to Meta are spaced, and a number that fails waits longer each time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use sb_config::ManagerSettings;
use sb_db::{Db, DbError, DueProfile, SystemReason};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_stream::wrappers::IntervalStream;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::profiles::Profiles;

/// Numbers claimed at once.
const BATCH: u32 = 20;
/// Calls to Meta that may wait for their answer at once.
const AT_ONCE: usize = 4;
/// Longer than a batch can take: five rounds of calls that Meta answers after half a minute.
const HOLD: TimeDelta = TimeDelta::minutes(5);
/// How often is looked for numbers that became due.
const LOOK: Duration = Duration::from_secs(15);
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_hours(6);

/// The task.
#[derive(Debug)]
pub(crate) struct DueProfiles {
    profiles: Profiles,
    interval: TimeDelta,
    spacing: Duration,
    look: Duration,
}

impl DueProfiles {
    pub(crate) fn new(profiles: Profiles, settings: &ManagerSettings) -> Self {
        let seconds = settings.refresh_interval_seconds;
        let interval = i64::try_from(seconds)
            .ok()
            .and_then(TimeDelta::try_seconds)
            .unwrap_or(TimeDelta::days(1));
        Self {
            profiles,
            interval,
            spacing: Duration::from_secs(1) / settings.refreshes_per_second.max(1),
            look: LOOK.min(Duration::from_secs(seconds.max(1))),
        }
    }

    /// Works until `stopping`; calls on their way are finished.
    pub(crate) async fn run(self, stopping: CancellationToken) {
        let mut pace = interval(self.spacing);
        // A pause must not be made up for with a burst.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pace = IntervalStream::new(pace);
        while !stopping.is_cancelled() {
            let claimed = self.claim().await.unwrap_or_else(|error| {
                tracing::warn!(
                    error = sb_telemetry::as_error(&error),
                    "numbers to refresh could not be claimed"
                );
                Vec::new()
            });
            if claimed.is_empty() {
                // Elapsed: time to look again. Cancelled: the loop ends.
                let _ = timeout(self.look, stopping.cancelled()).await;
                continue;
            }
            futures::stream::iter(claimed)
                .zip(&mut pace)
                .map(|(due, _)| due)
                .take_until(stopping.cancelled())
                .for_each_concurrent(AT_ONCE, |due| self.refresh(due))
                .await;
        }
    }

    async fn claim(&self) -> Result<Vec<DueProfile>, DbError> {
        let now = self.profiles.clock.now();
        claim(&self.profiles.db, now, self.interval).await
    }

    async fn refresh(&self, due: DueProfile) {
        let outcome = self
            .profiles
            .refresh_source(due.organization, &due.source)
            .await;
        let failure = match outcome {
            Ok(_) | Err(Failure::NumberUnknown) => return,
            Err(failure) => failure,
        };
        let wait = wait(&failure, due.failures);
        tracing::warn!(
            error = sb_telemetry::as_error(&failure),
            kind = failure.kind(),
            number.id = %due.source.number,
            wait_seconds = wait.as_secs(),
            "a number's profile could not be refreshed"
        );
        if let Err(error) = self.hold(&due, wait).await {
            // The hold of the claim remains.
            tracing::warn!(
                error = sb_telemetry::as_error(&error),
                number.id = %due.source.number,
                "a failed refresh could not be recorded"
            );
        }
    }

    async fn hold(&self, due: &DueProfile, wait: Duration) -> Result<(), DbError> {
        let wait = TimeDelta::from_std(wait).unwrap_or(HOLD);
        let until = self.profiles.clock.now() + wait;
        let mut tx = self.profiles.db.tenant(due.organization).await?;
        tx.number_profiles().hold(due.source.number, until).await?;
        tx.commit().await
    }
}

async fn claim(
    db: &Db,
    now: DateTime<Utc>,
    interval: TimeDelta,
) -> Result<Vec<DueProfile>, DbError> {
    let mut tx = db.system(SystemReason::NumberRefresh).await?;
    let claimed = tx
        .number_profiles()
        .claim_due(now - interval, now, now + HOLD, BATCH)
        .await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Doubles with each failure; Meta's own wish for a longer wait wins.
fn wait(failure: &Failure, failures: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures));
    let asked = match failure {
        Failure::Graph(error) => error.retry_wait(failures),
        Failure::NumberUnknown
        | Failure::AccountUnknown
        | Failure::TokenMissing
        | Failure::Token(_)
        | Failure::Db(_) => None,
    };
    doubled.min(LONGEST_WAIT).max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_keeps_failing_waits_longer_each_time_up_to_a_limit() {
        let seconds = |failures| wait(&Failure::TokenMissing, failures).as_secs();
        assert_eq!([0, 1, 2].map(seconds), [30, 60, 120]);
        assert_eq!(seconds(u32::MAX), 6 * 3_600);
    }
}
