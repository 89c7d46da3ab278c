//! What services write: handlers. They never acknowledge; what they return decides.

use std::time::Duration;

use chrono::{DateTime, Utc};
use prost::{Message, Name};
use sb_events::Event;
use sb_events::proto::bus::v1::Item;

use crate::BoxError;

/// Handles single events of one type. Others in the same stream are passed over.
///
/// Delivery is at least once: say in the handler's documentation why repeating it is harmless.
pub trait EventHandler<E: Event>: Send + Sync + 'static {
    /// Handles one event.
    fn handle(&self, event: Delivered<E>) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// Handles many items at once, of any type.
///
/// Delivery is at least once, and a batch that comes again need not be the same batch.
pub trait BatchHandler: Send + Sync + 'static {
    /// Handles items in the order in which they were published.
    ///
    /// [`Err`] speaks of the whole batch, [`BatchOutcome::Retry`] of some of its items.
    fn handle(
        &self,
        batch: Vec<DeliveredItem>,
    ) -> impl Future<Output = Result<BatchOutcome, HandlerError>> + Send;
}

/// Handles batches in three steps. A runner that keeps order ([`BatchOptions::ordered`]) may read one batch,
/// handle the one before and finish the one before that at the same time.
///
/// Delivery is at least once, and a batch that comes again need not be the same batch; it may come again after
/// its successor was handled, when finishing it failed.
///
/// [`BatchOptions::ordered`]: crate::BatchOptions::ordered
pub trait StagedHandler: Send + Sync + 'static {
    /// What reading a batch gives.
    type Read: Send;
    /// What handling a batch leaves to be done.
    type Handled: Send;

    /// Reads a batch, without IO.
    fn read(&self, batch: Vec<DeliveredItem>) -> Self::Read;

    /// Handles a batch once every batch before it was handled. Says of its items what
    /// [`BatchHandler::handle`] does.
    fn handle(
        &self,
        read: Self::Read,
    ) -> impl Future<Output = Result<(BatchOutcome, Self::Handled), HandlerError>> + Send;

    /// Finishes a batch once every batch before it was finished. When it fails, the whole batch comes again.
    fn finish(
        &self,
        handled: Self::Handled,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

impl<H: BatchHandler> StagedHandler for H {
    type Read = Vec<DeliveredItem>;
    type Handled = ();

    fn read(&self, batch: Vec<DeliveredItem>) -> Self::Read {
        batch
    }

    async fn handle(&self, read: Self::Read) -> Result<(BatchOutcome, ()), HandlerError> {
        Ok((BatchHandler::handle(self, read).await?, ()))
    }

    async fn finish(&self, (): ()) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// One event and how it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivered<E> {
    /// The event.
    pub event: E,
    /// The event's id, the same at every delivery.
    pub event_id: String,
    /// Place of its envelope in the stream.
    pub stream_sequence: u64,
    /// Place in the envelope.
    pub index: u32,
    /// Which try this is, from 1.
    pub deliveries: i64,
    /// When the server stored it.
    pub published_at: DateTime<Utc>,
}

/// One item of a batch and how it came.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveredItem {
    /// Place of its envelope in the stream.
    pub stream_sequence: u64,
    /// Place in the envelope.
    pub index: u32,
    /// The item: type, encoded event, trace.
    pub item: Item,
    /// Which try this is, from 1.
    pub deliveries: i64,
    /// When the server stored it.
    pub published_at: DateTime<Utc>,
}

/// An item that is not what its reader takes it for.
#[derive(Debug, thiserror::Error)]
pub enum MalformedItem {
    /// It is of another type.
    #[error("an item of type {found} is not a {wanted}")]
    Type {
        /// What the reader wanted.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// It cannot be decoded.
    #[error("an item of type {wanted} cannot be decoded")]
    Payload {
        /// What it claims to be.
        wanted: String,
        /// Where decoding stopped.
        #[source]
        source: prost::DecodeError,
    },
}

impl DeliveredItem {
    /// Decodes the item.
    ///
    /// # Errors
    /// [`MalformedItem`] when it is of another type or damaged.
    pub fn decode<M: Message + Name + Default>(&self) -> Result<M, MalformedItem> {
        decode(&self.item)
    }
}

pub(crate) fn decode<M: Message + Name + Default>(item: &Item) -> Result<M, MalformedItem> {
    let wanted = M::full_name();
    if item.r#type != wanted {
        return Err(MalformedItem::Type {
            wanted,
            found: item.r#type.clone(),
        });
    }
    M::decode(item.payload.clone()).map_err(|source| MalformedItem::Payload { wanted, source })
}

/// Why a handler could not finish, and what shall become of its items. Messages of the errors end up
/// in logs and dead letters: nothing personal in them.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Try again; after the consumer's `max_deliver` tries the item is a dead letter.
    #[error("handling failed")]
    Retry {
        /// When; by default after a wait that doubles from half a second to a minute.
        after: Option<Duration>,
        /// What happened.
        #[source]
        source: BoxError,
    },
    /// Something the handler cannot do without is away: the database, the bus. Try again for as long
    /// as it takes; this does not count as a try.
    #[error("something the handler needs is away")]
    Unavailable {
        /// What happened.
        #[source]
        source: BoxError,
    },
    /// Forget the item: trying again would change nothing, and nobody will miss it.
    #[error("discarded: {reason}")]
    Discard {
        /// Why, for the log.
        reason: &'static str,
        /// What happened, if it was an error.
        #[source]
        source: Option<BoxError>,
    },
}

impl HandlerError {
    /// [`HandlerError::Retry`] after the usual wait.
    pub fn retry(source: impl Into<BoxError>) -> Self {
        Self::Retry {
            after: None,
            source: source.into(),
        }
    }

    /// [`HandlerError::Retry`] after a wait of the handler's choice.
    pub fn retry_after(after: Duration, source: impl Into<BoxError>) -> Self {
        Self::Retry {
            after: Some(after),
            source: source.into(),
        }
    }

    /// [`HandlerError::Unavailable`].
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self::Unavailable {
            source: source.into(),
        }
    }

    /// [`HandlerError::Discard`] without an error behind it.
    pub const fn discard(reason: &'static str) -> Self {
        Self::Discard {
            reason,
            source: None,
        }
    }

    /// [`HandlerError::Discard`] because of an error.
    pub fn discard_because(reason: &'static str, source: impl Into<BoxError>) -> Self {
        Self::Discard {
            reason,
            source: Some(source.into()),
        }
    }
}

/// What became of a batch.
#[derive(Debug)]
pub enum BatchOutcome {
    /// Every item is done.
    Done,
    /// These items are not; all others are done.
    Retry(Vec<ItemFailure>),
}

/// An item of a batch that is not done.
#[derive(Debug)]
pub struct ItemFailure {
    /// Its position in the batch as it was handed over, from 0.
    pub position: usize,
    /// What happened and what shall become of it.
    pub error: HandlerError,
}
