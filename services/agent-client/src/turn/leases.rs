//! The turns this process holds: their leases are renewed, and whoever lost his turn is told to stop.
//!
//! This only saves work that would be thrown away; what keeps a lost turn from being answered is its epoch.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use sb_db::{AskedTurn, Db, DbError, HeldTurn, SystemReason, TurnKey};
use sb_domain::Clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often other processes' messages and takeovers are looked for. Those of this process are known at once.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// All turns held by this process.
#[derive(Debug)]
pub(crate) struct Leases {
    db: Db,
    clock: Clock,
    lease: Duration,
    held: Mutex<HashMap<TurnKey, Entry>>,
}

#[derive(Debug)]
struct Entry {
    epoch: i64,
    lost: CancellationToken,
}

/// A turn that is being worked on; dropped when it is not any more.
#[derive(Debug)]
pub(crate) struct Lease<'l> {
    leases: &'l Leases,
    held: HeldTurn,
    lost: CancellationToken,
}

impl Lease<'_> {
    /// Completes when the turn is somebody else's.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut held = self.leases.held();
        // A later claim of the same conversation may have taken the place.
        if held
            .get(&self.held.key)
            .is_some_and(|entry| entry.epoch == self.held.epoch)
        {
            held.remove(&self.held.key);
        }
    }
}

impl Leases {
    pub(crate) fn new(db: Db, clock: Clock, lease: Duration) -> Self {
        Self {
            db,
            clock,
            lease,
            held: Mutex::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<TurnKey, Entry>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a claimed turn; an older attempt at the same conversation has lost it.
    pub(crate) fn enter(&self, held: HeldTurn) -> Lease<'_> {
        let lost = CancellationToken::new();
        let entry = Entry {
            epoch: held.epoch,
            lost: lost.clone(),
        };
        if let Some(older) = self.held().insert(held.key, entry) {
            older.lost.cancel();
        }
        Lease {
            leases: self,
            held,
            lost,
        }
    }

    /// Stops attempts that a newer message has overtaken.
    pub(crate) fn overtake(&self, asked: &[AskedTurn]) {
        let held = self.held();
        for turn in asked {
            if let Some(entry) = held.get(&turn.key).filter(|entry| entry.epoch < turn.epoch) {
                entry.lost.cancel();
            }
        }
    }

    /// Watches and renews until `ended`, which comes after the last turn.
    pub(crate) async fn keep(&self, ended: CancellationToken) {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                () = tokio::time::sleep(WATCH_INTERVAL) => {}
            }
            let held = self.snapshot();
            if held.is_empty() {
                continue;
            }
            let is_time_to_renew = renewed.elapsed() >= self.lease / 3;
            match self.check(&held, is_time_to_renew).await {
                Ok(still) => {
                    if is_time_to_renew {
                        renewed = Instant::now();
                    }
                    self.drop_lost(&held, &still);
                }
                Err(error) => tracing::warn!(
                    error = sb_telemetry::as_error(&error),
                    turns = held.len(),
                    "leases could not be checked, trying again"
                ),
            }
        }
    }

    fn snapshot(&self) -> Vec<HeldTurn> {
        let held = self.held();
        held.iter()
            .map(|(key, entry)| HeldTurn {
                key: *key,
                epoch: entry.epoch,
            })
            .collect()
    }

    async fn check(&self, held: &[HeldTurn], renew: bool) -> Result<Vec<HeldTurn>, DbError> {
        let mut tx = self.db.system(SystemReason::Turns).await?;
        let still = if renew {
            let lease = TimeDelta::from_std(self.lease).unwrap_or(TimeDelta::MAX);
            let until = self.clock.now() + lease;
            tx.turns().renew(held, until).await?
        } else {
            tx.turns().still_held(held).await?
        };
        tx.commit().await?;
        Ok(still)
    }

    fn drop_lost(&self, before: &[HeldTurn], still: &[HeldTurn]) {
        let held = self.held();
        for lost in before.iter().filter(|turn| !still.contains(turn)) {
            if let Some(entry) = held
                .get(&lost.key)
                .filter(|entry| entry.epoch == lost.epoch)
            {
                entry.lost.cancel();
            }
        }
    }
}
