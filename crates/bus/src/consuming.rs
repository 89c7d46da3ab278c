//! What follows from a handler's answer: another try, a dead letter, or nothing.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use sb_events::consumers::ConsumerSpec;
use sb_events::proto::bus::v1::Item;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::dead;
use crate::metrics::{ConsumerMetrics, Outcome};
use crate::pull::Letter;
use crate::redo::Redo;
use crate::{Bus, HandlerError};

/// What all tasks of one runner share.
pub(crate) struct Consuming {
    pub(crate) bus: Bus,
    pub(crate) spec: ConsumerSpec,
    pub(crate) metrics: ConsumerMetrics,
    pub(crate) redo: Redo,
    /// Nothing new is begun.
    pub(crate) stopping: CancellationToken,
    /// The deadline has passed: everything is given back.
    pub(crate) giving_up: CancellationToken,
}

impl Consuming {
    pub(crate) fn new(bus: Bus, spec: ConsumerSpec, stopping: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            bus,
            metrics: ConsumerMetrics::new(&spec.name),
            spec,
            redo: Redo::default(),
            stopping,
            giving_up: CancellationToken::new(),
        })
    }

    /// Whether `tries` is all that an item gets.
    fn is_exhausted(&self, tries: i64) -> bool {
        self.spec.max_deliver > 0 && tries >= self.spec.max_deliver
    }

    /// Whether an envelope comes again and again without any outcome: it ends the process that
    /// handles it.
    pub(crate) fn is_deadly(&self, letter: &Letter) -> bool {
        self.spec.max_deliver > 0 && letter.deliveries > self.spec.max_deliver.saturating_mul(2)
    }

    /// Waits before the next try; `false` when the runner is told to stop meanwhile.
    pub(crate) async fn pause(&self, wait: Duration) -> bool {
        tokio::select! {
            () = self.stopping.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    /// Copies what has no tries left to the dead letters, counts it as done, and returns the rest.
    pub(crate) async fn bury_exhausted(
        &self,
        letter: &Letter,
        items: &[Item],
        failed: Vec<Failed>,
        tries: i64,
    ) -> Vec<Failed> {
        let mut remaining = Vec::new();
        for failure in failed {
            let dead = match failure.kind {
                FailureKind::Hopeless => true,
                FailureKind::Counted => self.is_exhausted(tries),
                FailureKind::Uncounted => false,
            };
            if !dead {
                self.metrics.count(Outcome::Retried, 1);
                remaining.push(failure);
                continue;
            }
            let position = usize::try_from(failure.index).unwrap_or(usize::MAX);
            let copy = items.get(position).cloned().into_iter().collect();
            if !self.bury(letter, copy, &failure.error).await {
                remaining.push(Failed {
                    kind: FailureKind::Uncounted,
                    ..failure
                });
            }
        }
        remaining
    }

    /// Copies items to the dead letters; `false` when that failed and must be done again.
    pub(crate) async fn bury(&self, letter: &Letter, items: Vec<Item>, error: &str) -> bool {
        let durable = &self.spec.durable;
        let count = items.len();
        match dead::bury(&self.bus, durable, letter, items, error).await {
            Ok(()) => self.report_buried(letter, count, error),
            Err(failure) => self.report_unburied(letter, &failure),
        }
    }

    /// The same for a message that is not an envelope.
    pub(crate) async fn bury_whole(&self, letter: &Letter, error: &str) -> bool {
        match dead::bury_whole(&self.bus, &self.spec.durable, letter, error).await {
            Ok(()) => self.report_buried(letter, 1, error),
            Err(failure) => self.report_unburied(letter, &failure),
        }
    }

    fn report_buried(&self, letter: &Letter, items: usize, error: &str) -> bool {
        self.metrics.count(Outcome::Dead, items);
        tracing::error!(
            messaging.consumer = %self.spec.durable,
            messaging.stream_sequence = letter.stream_sequence,
            messaging.delivery_attempt = letter.deliveries,
            items,
            error,
            "given up, a copy is in the dead letters"
        );
        true
    }

    fn report_unburied(&self, letter: &Letter, failure: &crate::PublishError) -> bool {
        tracing::warn!(
            messaging.consumer = %self.spec.durable,
            messaging.stream_sequence = letter.stream_sequence,
            error = sb_telemetry::as_error(failure),
            "a dead letter could not be written, trying again later"
        );
        false
    }

    /// Logs and weighs what a handler returned about so many items. `None` when nothing is left to be
    /// done.
    pub(crate) fn weigh(&self, error: &HandlerError, items: usize) -> Option<Failed> {
        let consumer = &self.spec.durable;
        let (kind, after) = match error {
            HandlerError::Discard { .. } => {
                self.metrics.count(Outcome::Discarded, items);
                tracing::info!(
                    messaging.consumer = %consumer,
                    items,
                    error = sb_telemetry::as_error(error),
                    "discarded"
                );
                return None;
            }
            HandlerError::Retry { after, .. } => (FailureKind::Counted, *after),
            HandlerError::Unavailable { .. } => (FailureKind::Uncounted, None),
        };
        tracing::warn!(
            messaging.consumer = %consumer,
            items,
            error = sb_telemetry::as_error(error),
            "not handled, it is tried again"
        );
        Some(Failed {
            index: 0,
            kind,
            after,
            error: dead::chain(error),
        })
    }
}

/// Whether a failure brings an item nearer to the dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// It does.
    Counted,
    /// It does not: not the item's fault.
    Uncounted,
    /// Trying again cannot help.
    Hopeless,
}

/// An item that was not handled.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) index: u32,
    pub(crate) kind: FailureKind,
    pub(crate) after: Option<Duration>,
    pub(crate) error: String,
}

impl Failed {
    /// The same failure of the item at this place of its envelope.
    pub(crate) fn at(&self, index: u32) -> Self {
        Self {
            index,
            ..self.clone()
        }
    }
}

/// How long to wait for the next try of all of these.
pub(crate) fn wait_for(failed: &[Failed], tries: i64) -> Duration {
    let waits = failed.iter().map(|failure| match failure.kind {
        FailureKind::Counted | FailureKind::Hopeless => {
            failure.after.unwrap_or_else(|| Backoff::ITEM.after(tries))
        }
        FailureKind::Uncounted => Backoff::AWAY.after(tries),
    });
    waits.max().unwrap_or_else(|| Backoff::AWAY.after(tries))
}

#[derive(Debug, thiserror::Error)]
enum Mishap {
    #[error("the handler panicked")]
    Panic,
    #[error("the handler took longer than {limit_ms} ms")]
    Timeout { limit_ms: u128 },
}

/// Runs a handler so that neither a panic nor an endless wait goes beyond it.
pub(crate) async fn guarded<T>(
    limit: Duration,
    handling: impl Future<Output = Result<T, HandlerError>> + Send,
) -> Result<T, HandlerError> {
    match tokio::time::timeout(limit, AssertUnwindSafe(handling).catch_unwind()).await {
        Ok(Ok(result)) => result,
        // The panic's own text stays out of dead letters: it may quote a message.
        Ok(Err(_)) => Err(HandlerError::retry(Mishap::Panic)),
        Err(_) => Err(HandlerError::retry(Mishap::Timeout {
            limit_ms: limit.as_millis(),
        })),
    }
}
