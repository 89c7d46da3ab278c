//! Claims due turns as long as there are workers for them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sb_db::{ClaimedTurn, DbError, SystemReason, TurnClaim};
use sb_service::Lifecycle;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::attempt::delta;
use super::{SharedRef, backoff, lease};

/// While more is due than there are workers, this much is waited for several to be free: one claim for many turns
/// costs hardly more than one for one.
const GATHERING: Duration = Duration::from_millis(10);

/// Waits between failed claims end here.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Hands due turns to workers.
#[derive(Debug)]
pub(crate) struct Scheduler {
    pub(crate) shared: SharedRef,
    pub(crate) lifecycle: Lifecycle,
    /// Notified when a turn was made due here.
    pub(crate) wake: Arc<Notify>,
    /// This process, in leases.
    pub(crate) owner: Uuid,
    /// How long running turns may go on after shutdown begins.
    pub(crate) grace: Duration,
    /// Cancelled when the last turn has ended.
    pub(crate) ended: CancellationToken,
}

/// What a claim brought, and when to look again.
struct Claimed {
    turns: Vec<ClaimedTurn>,
    next_due: Option<DateTime<Utc>>,
    is_full: bool,
}

impl Scheduler {
    fn workers(&self) -> u32 {
        u32::try_from(self.shared.settings.workers.clamp(1, 10_000)).unwrap_or(1)
    }

    /// Runs until shutdown, then waits for the turns in flight; those that take too long are given back.
    pub(crate) async fn run(self) {
        // However this ends, the leases are not kept for ever.
        let _ended = self.ended.clone().drop_guard();
        let stopping = self.lifecycle.stopping();
        let workers = self.workers();
        let slots = Arc::new(Semaphore::new(usize::try_from(workers).unwrap_or(1)));
        let mut failures = 0;
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                // Only to wait until there is one: the permits are taken turn by turn.
                free = slots.acquire() => drop(free),
            }
            let free = u32::try_from(slots.available_permits()).unwrap_or(workers);
            let pause = match self.claim(free, workers).await {
                Ok(claimed) => {
                    failures = 0;
                    let pause = self.pause_after(&claimed);
                    self.start(claimed.turns, &slots);
                    pause
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(
                        error = sb_telemetry::as_error(&error),
                        "due turns could not be claimed, trying again"
                    );
                    Pause::Until(backoff::wait(failures, None, rand::random()).min(LONGEST_PAUSE))
                }
            };
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                () = self.rest(pause, &slots) => {}
            }
        }
        self.drain(&slots, workers).await;
    }

    async fn claim(&self, free: u32, workers: u32) -> Result<Claimed, DbError> {
        let now = self.shared.clock.now();
        let mut tx = self.shared.db.system(SystemReason::Turns).await?;
        let claim = TurnClaim {
            owner: self.owner,
            limit: free,
            // A quarter of the workers stays free of any one tenant, whose model may be slow.
            per_organization: workers - workers / 4,
            lease_until: now + delta(lease(&self.shared.settings)),
        };
        let turns = tx.turns().claim(&claim, now).await?;
        let is_full = u32::try_from(turns.len()).unwrap_or(free) >= free;
        let next_due = if is_full {
            None
        } else {
            tx.turns().next_due().await?
        };
        tx.commit().await?;
        Ok(Claimed {
            turns,
            next_due,
            is_full,
        })
    }

    fn start(&self, turns: Vec<ClaimedTurn>, slots: &Arc<Semaphore>) {
        for turn in turns {
            let shared = Arc::clone(&self.shared);
            // Never more turns than free slots: only this task takes them.
            let slot = Arc::clone(slots).try_acquire_owned();
            self.lifecycle.spawn_detached_ok("turn", async move {
                shared.work(turn).await;
                drop(slot);
            });
        }
    }

    fn pause_after(&self, claimed: &Claimed) -> Pause {
        if claimed.is_full {
            return Pause::Gather;
        }
        let poll = Duration::from_millis(self.shared.settings.poll_interval_ms.max(10));
        let now = self.shared.clock.now();
        let next = claimed
            .next_due
            .map(|due| (due - now).to_std().unwrap_or_default());
        match next {
            // Due, and yet not claimed: its tenant has as many workers as it may, or another replica has it.
            Some(wait) if wait.is_zero() => Pause::Until(poll.min(GATHERING * 5)),
            Some(wait) => Pause::Until(wait.min(poll)),
            None => Pause::Until(poll),
        }
    }

    async fn rest(&self, pause: Pause, slots: &Semaphore) {
        match pause {
            Pause::Gather => {
                let several = (self.workers() / 4).max(1);
                // Nothing was gathered when the time is up, which is as good.
                let _ = timeout(GATHERING, slots.acquire_many(several)).await;
            }
            Pause::Until(wait) => {
                let _ = timeout(wait, self.wake.notified()).await;
            }
        }
    }

    async fn drain(&self, slots: &Semaphore, workers: u32) {
        if timeout(self.grace, slots.acquire_many(workers))
            .await
            .is_err()
        {
            tracing::info!("turns in flight are given back");
            self.shared.giving_back.cancel();
            // The lifecycle's deadline ends this wait.
            let _ = slots.acquire_many(workers).await;
        }
    }
}

enum Pause {
    /// Until several workers are free.
    Gather,
    /// This long, or until a turn was made due here.
    Until(Duration),
}
