//! Working on single events.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;

use prost::Message as _;
use sb_events::Event;
use sb_events::proto::bus::v1::{Envelope, Item};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};
use tracing::Instrument as _;

use crate::consuming::{Consuming, Failed, FailureKind, guarded, wait_for};
use crate::handler::decode;
use crate::lanes::{Lanes, Turn};
use crate::metrics::Outcome;
use crate::pull::{Arrived, Letter};
use crate::reading::{Reading, report_panic};
use crate::{BusError, Delivered, EventHandler, EventOptions, dead};

/// How an envelope is answered.
enum Verdict {
    Done,
    Again(Option<Duration>),
}

/// What one pass over an envelope left undone.
struct Pass {
    failed: Vec<Failed>,
    /// Items behind a failed one were not looked at.
    cut_short: bool,
}

pub(crate) struct EventWork<E, H> {
    consuming: Arc<Consuming>,
    handler: H,
    options: EventOptions,
    slots: Semaphore,
    type_name: String,
    event: PhantomData<fn(E)>,
}

impl<E: Event, H: EventHandler<E>> EventWork<E, H> {
    pub(crate) fn new(consuming: Arc<Consuming>, handler: H, options: EventOptions) -> Self {
        Self {
            consuming,
            handler,
            slots: Semaphore::new(options.concurrency.max(1)),
            options,
            type_name: E::full_name(),
            event: PhantomData,
        }
    }

    pub(crate) async fn run(self) -> Result<(), BusError> {
        // Twice what is worked on, so that the next ones are here when a slot is free.
        let held = self.options.concurrency.saturating_mul(2).clamp(16, 512);
        let mut reading = Reading::start(&self.consuming, held);
        let deadline = self.options.drain_deadline;
        let work = Arc::new(self);
        let mut lanes = Lanes::default();
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => report_panic(ended),
                arrived = reading.arrivals.recv() => {
                    let Some(arrived) = arrived else { break };
                    let turn = work.options.ordered.then(|| lanes.queue(&arrived.letter.subject));
                    tasks.spawn(Arc::clone(&work).process(arrived, turn));
                }
            }
        }
        reading.finish(tasks, deadline).await
    }

    async fn process(self: Arc<Self>, arrived: Arrived, turn: Option<Turn>) {
        let Arrived { receipt, letter } = arrived;
        let verdict = tokio::select! {
            biased;
            () = self.consuming.giving_up.cancelled() => Verdict::Again(None),
            verdict = self.decide(&letter, turn) => verdict,
        };
        match verdict {
            Verdict::Done => receipt.ack().await,
            Verdict::Again(after) => receipt.retry(after).await,
        }
    }

    /// The turn is held until the envelope is finished, then the next one of its lane may begin.
    async fn decide(&self, letter: &Letter, mut turn: Option<Turn>) -> Verdict {
        if let Some(turn) = &mut turn {
            turn.come().await;
        }
        match Envelope::decode(letter.payload.clone()) {
            Ok(envelope) => self.work_off(letter, &envelope.items).await,
            Err(error) => answer_burial(
                self.consuming
                    .bury_whole(letter, &dead::chain(&error))
                    .await,
            ),
        }
    }

    async fn work_off(&self, letter: &Letter, items: &[Item]) -> Verdict {
        let consuming = &self.consuming;
        let mut done = consuming.redo.take(letter.stream_sequence);
        if consuming.is_deadly(letter) {
            let rest = self.undone(items, &done);
            let error = "delivered again and again without an outcome";
            return answer_burial(consuming.bury(letter, rest, error).await);
        }
        let (mut tries, mut passes) = (letter.deliveries, 0);
        loop {
            passes += 1;
            let Some(pass) = self.pass(letter, items, &mut done, tries).await else {
                consuming.redo.remember(letter.stream_sequence, done);
                return Verdict::Again(None);
            };
            let counted = pass
                .failed
                .iter()
                .any(|failure| failure.kind == FailureKind::Counted);
            let failures: Vec<u32> = pass.failed.iter().map(|failure| failure.index).collect();
            let failed = consuming
                .bury_exhausted(letter, items, pass.failed, tries)
                .await;
            let alive: BTreeSet<u32> = failed.iter().map(|failure| failure.index).collect();
            done.extend(failures.into_iter().filter(|index| !alive.contains(index)));
            if failed.is_empty() && pass.cut_short {
                continue;
            }
            if failed.is_empty() {
                return Verdict::Done;
            }
            let away = failed
                .iter()
                .any(|failure| failure.kind == FailureKind::Uncounted);
            if !self.options.ordered && !away {
                consuming.redo.remember(letter.stream_sequence, done);
                return Verdict::Again(Some(wait_for(&failed, tries)));
            }
            // In place: nothing may overtake it, or nothing else would fare better.
            if !consuming.pause(wait_for(&failed, passes)).await {
                consuming.redo.remember(letter.stream_sequence, done);
                return Verdict::Again(None);
            }
            tries += i64::from(counted);
        }
    }

    fn undone(&self, items: &[Item], done: &BTreeSet<u32>) -> Vec<Item> {
        let numbered = (0..).zip(items);
        let undone =
            numbered.filter(|(index, item)| item.r#type == self.type_name && !done.contains(index));
        undone.map(|(_, item)| item.clone()).collect()
    }

    /// Handles every item that is not done, in order. `None` when told to stop before it began.
    async fn pass(
        &self,
        letter: &Letter,
        items: &[Item],
        done: &mut BTreeSet<u32>,
        tries: i64,
    ) -> Option<Pass> {
        let _slot = self.slots.acquire().await.ok()?;
        if self.consuming.stopping.is_cancelled() {
            return None;
        }
        let mut failed = Vec::new();
        for (index, item) in (0..).zip(items) {
            if item.r#type != self.type_name || done.contains(&index) {
                continue;
            }
            let Some(failure) = self.handle(letter, index, item, tries).await else {
                done.insert(index);
                continue;
            };
            let cut_short = self.options.ordered || failure.kind == FailureKind::Uncounted;
            failed.push(failure);
            if cut_short {
                return Some(Pass { failed, cut_short });
            }
        }
        let cut_short = false;
        Some(Pass { failed, cut_short })
    }

    async fn handle(&self, letter: &Letter, index: u32, item: &Item, tries: i64) -> Option<Failed> {
        let event = match decode::<E>(item) {
            Ok(event) => event,
            Err(error) => {
                return Some(Failed {
                    index,
                    kind: FailureKind::Hopeless,
                    after: None,
                    error: dead::chain(&error),
                });
            }
        };
        let span = tracing::info_span!(
            "bus.process",
            otel.kind = "consumer",
            messaging.system = "nats",
            messaging.consumer = %self.consuming.spec.durable,
            messaging.delivery_attempt = tries,
            event.id = %item.event_id,
            event.r#type = %item.r#type,
        );
        let trace = item
            .trace
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        sb_telemetry::set_parent(&span, trace);
        let delivered = Delivered {
            event,
            event_id: item.event_id.clone(),
            stream_sequence: letter.stream_sequence,
            index,
            deliveries: tries,
            published_at: letter.published_at,
        };
        let started = Instant::now();
        let handling = self.handler.handle(delivered);
        let metrics = &self.consuming.metrics;
        async {
            let result = guarded(self.options.item_timeout, handling).await;
            metrics.handled(started.elapsed());
            match result {
                Ok(()) => {
                    metrics.count(Outcome::Done, 1);
                    None
                }
                Err(error) => {
                    let failed = self.consuming.weigh(&error, 1)?;
                    Some(failed.at(index))
                }
            }
        }
        .instrument(span)
        .await
    }
}

/// What could not be copied to the dead letters must not be acknowledged.
fn answer_burial(buried: bool) -> Verdict {
    if buried {
        Verdict::Done
    } else {
        Verdict::Again(Some(wait_for(&[], 5)))
    }
}
