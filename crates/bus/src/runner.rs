//! One consumer with its handler: what a service starts.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use sb_events::Event;
use sb_events::consumers::ConsumerSpec;
use tokio_util::sync::CancellationToken;

use crate::batches::BatchWork;
use crate::consuming::Consuming;
use crate::events::EventWork;
use crate::{Bus, BusError, EventHandler, StagedHandler};

/// How single events are handled.
#[derive(Debug, Clone)]
pub struct EventOptions {
    /// Envelopes worked on at the same time.
    pub concurrency: usize,
    /// Envelopes of one subject one after another, and nothing overtakes what is tried again. Without
    /// it only the items of one envelope are in order, and a failed one is tried after its successors.
    pub ordered: bool,
    /// How long one event may take.
    pub item_timeout: Duration,
    /// How long work in flight may go on once the runner is told to stop.
    pub drain_deadline: Duration,
}

impl Default for EventOptions {
    /// Sixteen at a time, not ordered, half a minute each.
    fn default() -> Self {
        Self {
            concurrency: 16,
            ordered: false,
            item_timeout: Duration::from_secs(30),
            drain_deadline: Duration::from_secs(20),
        }
    }
}

/// How batches are handled.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// Items in a batch. An envelope is never split: one with more items is a batch by itself.
    pub max_items: usize,
    /// How long a batch waits for more after its first envelope came.
    pub linger: Duration,
    /// Batches worked on at the same time. With 1, order is kept in any case.
    pub in_flight: usize,
    /// Batches are handled one after another, and finished one after another, in the order in which they
    /// were published; nothing overtakes what is tried again. What overlaps is different steps of different
    /// batches ([`StagedHandler`]).
    pub ordered: bool,
    /// How long one step of a batch may take.
    pub batch_timeout: Duration,
    /// How long work in flight may go on once the runner is told to stop.
    pub drain_deadline: Duration,
}

impl Default for BatchOptions {
    /// 500 items, 10 ms, two at a time, not ordered, a minute each.
    fn default() -> Self {
        Self {
            max_items: 500,
            linger: Duration::from_millis(10),
            in_flight: 2,
            ordered: false,
            batch_timeout: Duration::from_mins(1),
            drain_deadline: Duration::from_secs(20),
        }
    }
}

type Run = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<(), BusError>> + Send>;

/// One consumer with its handler. It alone acknowledges.
pub struct Runner {
    durable: String,
    run: Run,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("durable", &self.durable)
            .finish_non_exhaustive()
    }
}

impl Runner {
    /// A consumer whose handler takes single events of one type.
    pub fn events<E: Event, H: EventHandler<E>>(
        bus: &Bus,
        spec: ConsumerSpec,
        handler: H,
        options: EventOptions,
    ) -> Self {
        let bus = bus.clone();
        Self {
            durable: spec.durable.clone(),
            run: Box::new(move |stopping| {
                let consuming = Consuming::new(bus, spec, stopping);
                Box::pin(EventWork::new(consuming, handler, options).run())
            }),
        }
    }

    /// A consumer whose handler takes batches.
    pub fn batches<H: StagedHandler>(
        bus: &Bus,
        spec: ConsumerSpec,
        handler: H,
        options: BatchOptions,
    ) -> Self {
        let bus = bus.clone();
        Self {
            durable: spec.durable.clone(),
            run: Box::new(move |stopping| {
                let consuming = Consuming::new(bus, spec, stopping);
                Box::pin(BatchWork::new(consuming, handler, options).run())
            }),
        }
    }

    /// Runs until `stopping`, then finishes what is in flight. A server that goes away and comes
    /// back, and a consumer or stream that was deleted, are survived.
    ///
    /// # Errors
    /// [`BusError::Consumer`] when the server refuses the consumer at the start.
    pub async fn run(self, stopping: CancellationToken) -> Result<(), BusError> {
        (self.run)(stopping).await
    }
}
