//! From raw posts to rows and events, a batch at a time.
//!
//! `plan` reads posts into units, `store` writes a batch of units in one transaction (`resolve` finds or makes
//! the persons), `announce` builds the events, and this module ties them to the consumer.
//!
//! **Invariant:** every unit ends in exactly one [`Disposition`].
//! **Invariant:** running a batch again changes nothing and publishes the same event ids.

mod announce;
mod disposition;
mod plan;
mod resolve;
mod statuses;
mod store;

use sb_bus::{BatchHandler, BatchOutcome, DeliveredItem, HandlerError, Publisher};
use sb_db::Db;
use sb_domain::Clock;

pub(crate) use disposition::{Disposition, Dispositions};
pub(crate) use store::Store;

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

impl BatchHandler for IngestHandler {
    /// Idempotent: messages and statuses have unique keys, states only rise, and event ids are derived from
    /// rows. After a crash the batch comes again, finds its own rows by their post, and publishes again.
    async fn handle(&self, batch: Vec<DeliveredItem>) -> Result<BatchOutcome, HandlerError> {
        let units = plan::read(&batch);
        // What can fail here is the database or the bus, and both come back: a bad update is put aside by
        // the store.
        let stored = self
            .store
            .apply(units)
            .await
            .map_err(HandlerError::unavailable)?;
        self.publisher
            .publish(&stored.events)
            .await
            .map_err(HandlerError::unavailable)?;
        self.dispositions.count(&stored.dispositions);
        Ok(BatchOutcome::Done)
    }
}
