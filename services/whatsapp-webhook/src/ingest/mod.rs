//! From raw posts to rows and events, a batch at a time.
//!
//! `plan` reads posts into units, `store` writes a batch of units in one transaction (`resolve` finds or makes
//! the persons; messages, `changes`, `statuses` and `effects` are written in this order), `announce` builds the
//! events, `replays` keeps what is run again from having its effect twice, `again` runs what stepped aside for locked rows,
//! and this module ties them to the consumer.
//!
//! **Invariant:** every unit ends in exactly one [`Disposition`].
//! **Invariant:** running a batch again changes nothing and publishes the same event ids.

pub(crate) mod again;
mod announce;
mod changes;
mod disposition;
mod effects;
mod plan;
mod recipients;
mod replays;
mod resolve;
mod statuses;
mod store;
#[cfg(test)]
mod tests;

use sb_bus::{BatchOutcome, DeliveredItem, HandlerError, Publisher, StagedHandler};
use sb_db::Db;
use sb_domain::Clock;

pub(crate) use disposition::{Disposition, Dispositions};
use plan::Plan;
pub(crate) use store::{Store, Stored};

/// Handles batches of raw posts.
#[derive(Debug)]
pub(crate) struct IngestHandler {
    store: Store,
    publisher: Publisher,
    dispositions: Dispositions,
}

impl IngestHandler {
    pub(crate) fn new(db: Db, publisher: Publisher, clock: Clock) -> Self {
        Self {
            store: Store::new(db, clock),
            publisher,
            dispositions: Dispositions::new(),
        }
    }
}

/// Announced in the order in which it was written, and counted once it is.
impl StagedHandler for IngestHandler {
    type Read = Plan;
    type Handled = Stored;

    fn read(&self, batch: Vec<DeliveredItem>) -> Plan {
        plan::read(&batch)
    }

    /// Idempotent: messages and statuses have unique keys, states only rise, and event ids are derived from
    /// rows. After a crash the batch comes again, finds its own rows by their post, and publishes again.
    async fn handle(&self, plan: Plan) -> Result<(BatchOutcome, Stored), HandlerError> {
        // What can fail here is the database or the bus, and both come back: a bad update is put aside by
        // the store.
        let stored = self
            .store
            .apply(plan.units)
            .await
            .map_err(HandlerError::unavailable)?;
        if !plan.replayed.is_empty() {
            self.store
                .settle(&plan.replayed, &stored.failed_replays)
                .await
                .map_err(HandlerError::unavailable)?;
        }
        Ok((BatchOutcome::Done, stored))
    }

    async fn finish(&self, stored: Stored) -> Result<(), HandlerError> {
        self.publisher
            .publish(&stored.events)
            .await
            .map_err(HandlerError::unavailable)?;
        self.dispositions.count(&stored.dispositions);
        Ok(())
    }
}
