//! The reading half of a runner: keeps a subscription open whatever happens, and ends it in order.

use std::sync::Arc;
use std::time::Duration;

use sb_events::consumers::ConsumerSpec;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::consuming::Consuming;
use crate::ledger::{Capacity, Ledger};
use crate::pull::{Arrived, Lost, Subscription};
use crate::{Bus, BusError};

/// Bytes of messages one runner may hold, unless the server's largest message asks for more.
const HELD_BYTES: usize = 8 * 1024 * 1024;
/// Room for a message's subject, headers and protocol beside its payload.
const MESSAGE_OVERHEAD: usize = 64 * 1024;
/// Time to give everything back after the deadline.
const GIVING_BACK: Duration = Duration::from_secs(2);

/// The reading half of a runner.
pub(crate) struct Reading {
    pub(crate) arrivals: mpsc::Receiver<Arrived>,
    consuming: Arc<Consuming>,
    reader: JoinSet<Result<(), BusError>>,
    /// Aborted when dropped.
    _signs_of_life: JoinSet<()>,
}

impl Reading {
    pub(crate) fn start(consuming: &Arc<Consuming>, messages: usize) -> Self {
        let largest = consuming.bus.client().max_payload() + MESSAGE_OVERHEAD;
        let capacity = Capacity {
            messages,
            // Half of it is free when a request is made, and the largest message must fit in that.
            bytes: HELD_BYTES.max(largest * 2),
        };
        let ledger = Ledger::new(consuming.bus.client().clone(), capacity);
        let (sender, arrivals) = mpsc::channel(messages);
        let mut signs_of_life = JoinSet::new();
        signs_of_life.spawn(Arc::clone(&ledger).keep_alive(consuming.spec.ack_wait));
        let mut reader = JoinSet::new();
        reader.spawn(
            Reader {
                bus: consuming.bus.clone(),
                spec: consuming.spec.clone(),
                ledger,
                arrivals: sender,
                stopping: consuming.stopping.clone(),
            }
            .run(),
        );
        Self {
            arrivals,
            consuming: Arc::clone(consuming),
            reader,
            _signs_of_life: signs_of_life,
        }
    }

    /// Waits for the work in flight, then lets go of everything.
    pub(crate) async fn finish(
        mut self,
        mut tasks: JoinSet<()>,
        deadline: Duration,
    ) -> Result<(), BusError> {
        let consuming = &self.consuming;
        if tokio::time::timeout(deadline, join_all(&mut tasks))
            .await
            .is_err()
        {
            tracing::warn!(
                messaging.consumer = %consuming.spec.durable,
                tasks = tasks.len(),
                "work in flight is given back, it took too long"
            );
            consuming.giving_up.cancel();
            let _ = tokio::time::timeout(GIVING_BACK, join_all(&mut tasks)).await;
        }
        if consuming.spec.pinned {
            consuming.bus.give_up_ownership(&consuming.spec).await;
        }
        consuming.bus.flush().await;
        match self.reader.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(source)) => Err(BusError::Reader {
                durable: consuming.spec.durable.clone(),
                source,
            }),
            None => Ok(()),
        }
    }
}

async fn join_all(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        report_panic(ended);
    }
}

/// A panic of ours, not of a handler: the message comes again after its `ack_wait`.
pub(crate) fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(
            error = sb_telemetry::as_error(&error),
            "a task of the runner ended unexpectedly"
        );
    }
}

/// Reads one consumer until it is told to stop.
pub(crate) struct Reader {
    pub(crate) bus: Bus,
    pub(crate) spec: ConsumerSpec,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) arrivals: mpsc::Sender<Arrived>,
    pub(crate) stopping: CancellationToken,
}

impl Reader {
    /// Reads, whatever happens to the server, the connection or the consumer.
    ///
    /// # Errors
    /// Only when the server refuses to create the consumer the first time.
    async fn run(self) -> Result<(), BusError> {
        let stopping = self.stopping.clone();
        let reading = self.read();
        tokio::pin!(reading);
        tokio::select! {
            biased;
            result = &mut reading => result,
            () = stopping.cancelled() => {
                // A subscription that is being read gives back what it has; anything else ends here.
                tokio::time::timeout(GIVING_BACK, reading).await.unwrap_or(Ok(()))
            }
        }
    }

    async fn read(&self) -> Result<(), BusError> {
        let mut failures = 0;
        let mut existed = false;
        while !self.stopping.is_cancelled() {
            self.bus.until_connected().await;
            match self.bus.ensure_consumer(&self.spec).await {
                Ok(()) => {
                    existed = true;
                    match self.read_until_lost(&mut failures).await {
                        Ok(()) => return Ok(()),
                        Err(lost) => self.report(&lost),
                    }
                }
                Err(error) if !existed && error.is_refusal() => return Err(error),
                Err(error) => {
                    self.report(&error);
                    if error.is_missing_stream() {
                        self.restore_streams().await;
                    }
                }
            }
            failures += 1;
            self.pause(Backoff::SERVER.after(failures)).await;
        }
        Ok(())
    }

    async fn restore_streams(&self) {
        if let Err(error) = self.bus.ensure_streams().await {
            self.report(&error);
        }
    }

    pub(crate) async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = self.stopping.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }

    fn report(&self, error: &(dyn std::error::Error + 'static)) {
        if !self.stopping.is_cancelled() {
            tracing::warn!(
                messaging.consumer = %self.spec.durable,
                error = sb_telemetry::as_error(error),
                "reading was interrupted, starting again"
            );
        }
    }

    async fn read_until_lost(&self, failures: &mut i64) -> Result<(), Lost> {
        let mut subscription = Subscription::open(self).await?;
        let ended = subscription.read(failures).await;
        subscription.give_back().await;
        ended
    }
}
