//! One relay: take the oldest rows, publish them, delete them.

use std::time::Duration;

use sb_bus::{Bus, PublishError, Publisher, Traced};
use sb_config::OutboxSettings;
use sb_db::{Db, DbError, OutboxListener, OutboxRow, SystemReason, Woken};
use sb_domain::Clock;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// The longest wait after failures.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// What the batch under way and the last one may take once the process ends.
const LAST_BATCH: Duration = Duration::from_secs(2);
/// Notifications answered by one look.
const NOTIFICATIONS_AT_ONCE: usize = 1_000;

/// Why a batch was not relayed. It will be.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The database did not do its part.
    #[error("reading or emptying the outbox failed")]
    Database(#[from] DbError),
    /// The bus did not take the events.
    #[error("publishing events of the outbox failed")]
    Publish(#[from] PublishError),
}

/// What one batch came to.
enum Batch {
    Relayed,
    /// Nothing waits, or nothing that can be published.
    Idle,
    /// Another relay is at work.
    StandBy,
}

/// Which of all relays of the installation this one was when it looked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Active,
    StandBy,
}

/// Publishes what transactions left in the outbox.
#[derive(Debug)]
pub struct Relay {
    db: Db,
    publisher: Publisher,
    batch: u32,
    poll_interval: Duration,
    clock: Clock,
    metrics: Metrics,
}

impl Relay {
    /// A relay that is not running yet.
    pub fn new(db: Db, bus: &Bus, settings: &OutboxSettings) -> Self {
        Self {
            db,
            publisher: bus.publisher(),
            batch: settings.batch,
            poll_interval: Duration::from_millis(settings.poll_interval_ms),
            clock: Clock::system(),
            metrics: Metrics::new(),
        }
    }

    /// Relays until told to stop. Failures are waited out: the rows are safe where they are.
    pub async fn run(self, stopping: CancellationToken) {
        let overdue = async {
            stopping.cancelled().await;
            tokio::time::sleep(LAST_BATCH).await;
        };
        tokio::select! {
            () = self.relay(&stopping) => {}
            // What was published and not deleted is published again by the next relay.
            () = overdue => {}
        }
    }

    async fn relay(&self, stopping: &CancellationToken) {
        let mut listener = None;
        let mut wait = FIRST_WAIT;
        while !stopping.is_cancelled() {
            let Err(error) = self.look(&mut listener, stopping).await else {
                wait = FIRST_WAIT;
                continue;
            };
            tracing::warn!(
                error = sb_telemetry::as_error(&error),
                retry_after_ms = wait.as_millis(),
                "the outbox could not be relayed, its events wait"
            );
            listener = None;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stopping.cancelled() => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        // Work that ended just now left events too. If this fails, they wait for the next relay.
        let _ = self.empty().await;
    }

    /// Waits for news, then empties the outbox; empties it first when it has not listened until now.
    async fn look(
        &self,
        listener: &mut Option<OutboxListener>,
        stopping: &CancellationToken,
    ) -> Result<(), RelayError> {
        let listener = if let Some(listener) = listener {
            listener
        } else {
            // Listening comes before looking: what is committed in between is notified.
            let listener = listener.insert(self.db.listen_outbox().await?);
            self.empty().await?;
            listener
        };
        let woken = tokio::select! {
            woken = listener.wait(self.poll_interval) => woken?,
            () = stopping.cancelled() => return Ok(()),
        };
        // One look serves all the commits that were notified by now.
        let mut is_ours = woken == Woken::Here;
        for _ in 0..NOTIFICATIONS_AT_ONCE {
            match listener.wait(Duration::ZERO).await? {
                Woken::Here => is_ours = true,
                Woken::Elsewhere => {}
                Woken::Time => break,
            }
        }
        if self.empty().await? == Role::StandBy && is_ours {
            self.ask_the_active().await?;
        }
        Ok(())
    }

    /// The active relay may have looked just before our events were committed.
    async fn ask_the_active(&self) -> Result<(), RelayError> {
        let mut tx = self.db.system(SystemReason::OutboxRelay).await?;
        tx.outbox().notify().await?;
        tx.commit().await?;
        Ok(())
    }

    async fn empty(&self) -> Result<Role, RelayError> {
        loop {
            match self.relay_batch().await? {
                Batch::Relayed => {}
                Batch::Idle => return Ok(Role::Active),
                Batch::StandBy => return Ok(Role::StandBy),
            }
        }
    }

    /// The transaction stays open while the bus acknowledges: it holds the lock that makes this relay
    /// the active one. It holds no rows, so writers are not kept waiting.
    async fn relay_batch(&self) -> Result<Batch, RelayError> {
        let mut tx = self.db.system(SystemReason::OutboxRelay).await?;
        if !tx.outbox().try_lock().await? {
            tx.rollback().await?;
            return Ok(Batch::StandBy);
        }
        let rows = tx.outbox().claim(self.batch).await?;
        let age = rows
            .first()
            .map(|oldest| self.clock.now() - oldest.created_at);
        let age = age.and_then(|age| age.to_std().ok());
        self.metrics.oldest(age.unwrap_or_default());
        let published = self.publish(&rows).await?;
        if published.is_empty() {
            tx.rollback().await?;
            return Ok(Batch::Idle);
        }
        tx.outbox().delete(&published).await?;
        tx.commit().await?;
        self.metrics.relayed(published.len());
        Ok(Batch::Relayed)
    }

    /// Publishes rows and returns the ids of those that may be deleted.
    async fn publish(&self, rows: &[OutboxRow]) -> Result<Vec<i64>, PublishError> {
        match self.publisher.publish_traced(rows.iter().map(traced)).await {
            Ok(()) => Ok(rows.iter().map(|row| row.id).collect()),
            Err(error) if error.is_final() => self.publish_each(rows).await,
            Err(error) => Err(error),
        }
    }

    /// One row cannot be published: it stays, and must not hold up the others.
    async fn publish_each(&self, rows: &[OutboxRow]) -> Result<Vec<i64>, PublishError> {
        let mut published = Vec::new();
        for row in rows {
            match self.publisher.publish_traced([traced(row)]).await {
                Ok(()) => published.push(row.id),
                Err(error) if error.is_final() => tracing::error!(
                    event.id = %row.addressed.event_id,
                    event.r#type = %row.addressed.type_name,
                    error = sb_telemetry::as_error(&error),
                    "an event cannot be published, it stays in the outbox"
                ),
                Err(error) if published.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(published)
    }
}

fn traced(row: &OutboxRow) -> Traced<'_> {
    Traced {
        event: &row.addressed,
        trace: &row.trace,
    }
}
