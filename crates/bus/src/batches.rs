//! Working on batches.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message as _;
use sb_events::proto::bus::v1::{Envelope, Item};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};
use tracing::Instrument as _;

use crate::consuming::{Consuming, Failed, FailureKind, guarded, wait_for};
use crate::gathering::{Gathering, Part, Place, finish, give_back};
use crate::metrics::Outcome;
use crate::pull::Arrived;
use crate::reading::{Reading, report_panic};
use crate::turns::{Queue, Turns};
use crate::{
    BatchOptions, BatchOutcome, BusError, DeliveredItem, HandlerError, StagedHandler, dead,
};

/// After so many failures of a batch as a whole its items are handled one by one, so that one bad
/// item cannot hold up the rest.
const WHOLE_TRIES: i64 = 3;

/// What one pass over a batch left undone.
struct Pass {
    failed: Vec<(Place, Failed)>,
    /// The batch failed as a whole.
    together: bool,
}

/// How much of a batch is handled at once.
#[derive(Debug, Clone, Copy)]
enum Share {
    Whole,
    One,
}

/// How often has been tried.
#[derive(Debug, Clone, Copy)]
struct Tries {
    /// Beyond the delivery that brought the envelopes here, counted ones only.
    earlier: i64,
    /// Since the batch was formed.
    passes: i64,
}

impl Pass {
    const fn single(failed: Vec<(Place, Failed)>) -> Self {
        Self {
            failed,
            together: false,
        }
    }

    fn has(&self, kind: FailureKind) -> bool {
        self.failed.iter().any(|(_, failed)| failed.kind == kind)
    }

    fn by_part(self, parts: usize) -> Vec<Vec<Failed>> {
        let mut by_part: Vec<Vec<Failed>> = (0..parts).map(|_| Vec::new()).collect();
        for (place, failure) in self.failed {
            if let Some(failures) = by_part.get_mut(place.part) {
                failures.push(failure);
            }
        }
        by_part
    }
}

pub(crate) struct BatchWork<H> {
    consuming: Arc<Consuming>,
    handler: H,
    options: BatchOptions,
}

impl<H: StagedHandler> BatchWork<H> {
    pub(crate) const fn new(consuming: Arc<Consuming>, handler: H, options: BatchOptions) -> Self {
        Self {
            consuming,
            handler,
            options,
        }
    }

    pub(crate) async fn run(self) -> Result<(), BusError> {
        let in_flight = self.options.in_flight.max(1);
        let deadline = self.options.drain_deadline;
        let mut gathering = Gathering::new(self.options.max_items, self.options.linger);
        // Enough envelopes of one item to fill every batch and the next one.
        let held = self.options.max_items.saturating_mul(in_flight + 1);
        let mut reading = Reading::start(&self.consuming, held.clamp(16, 2_000));
        let mut queue = Queue::new(self.is_ordered());
        let work = Arc::new(self);
        let mut tasks = JoinSet::new();
        loop {
            // What would wait for its turn may as well wait to become larger.
            let may_begin = tasks.is_empty() || !work.is_ordered() || gathering.is_full();
            let due_at = gathering
                .due_at()
                .filter(|_| may_begin && tasks.len() < in_flight);
            tokio::select! {
                biased;
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => report_panic(ended),
                () = sleep_until(due_at) => {
                    tasks.spawn(Arc::clone(&work).process(gathering.take(), queue.line_up()));
                }
                arrived = reading.arrivals.recv() => {
                    let Some(arrived) = arrived else { break };
                    gathering.push(work.open(arrived));
                }
            }
        }
        give_back(gathering.into_parts()).await;
        reading.finish(tasks, deadline).await
    }

    fn open(&self, arrived: Arrived) -> Part {
        let Arrived { receipt, letter } = arrived;
        let envelope = Envelope::decode(letter.payload.clone());
        Part {
            receipt: Some(receipt),
            done: self.consuming.redo.take(letter.stream_sequence),
            items: envelope.map_or(1, |envelope| envelope.items.len()),
            letter,
            came: Instant::now(),
        }
    }

    async fn process(self: Arc<Self>, mut parts: Vec<Part>, turns: Turns) {
        let span = tracing::info_span!(
            "bus.process",
            otel.kind = "consumer",
            messaging.system = "nats",
            messaging.consumer = %self.consuming.spec.durable,
            messaging.batch.message_count = parts.iter().map(|part| part.items).sum::<usize>(),
        );
        tokio::select! {
            biased;
            () = self.consuming.giving_up.cancelled() => {}
            () = self.work_off(&mut parts, turns).instrument(span) => {}
        }
        give_back(parts).await;
    }

    /// Works until every part is answered, or until it is told to stop.
    async fn work_off(&self, parts: &mut [Part], mut turns: Turns) {
        // Tries beyond the delivery that brought the parts here, and passes that count as tries or not.
        let (mut earlier, mut passes) = (0, 0);
        while !self.consuming.stopping.is_cancelled() {
            let (places, items) = self.hand_over(parts, earlier).await;
            if items.is_empty() {
                for part in parts {
                    part.acknowledge().await;
                }
                return turns.pass().await;
            }
            passes += 1;
            let Some(handled) = self.handle(items, &mut turns, Share::Whole).await else {
                return;
            };
            let pass = match handled {
                Ok(outcome) => Pass::single(self.sort_out(parts, &places, outcome)),
                Err(error) if self.is_to_be_split(&places, &error, earlier) => {
                    let Some(failed) = self
                        .one_by_one(parts, (&places, earlier), error, &mut turns)
                        .await
                    else {
                        return;
                    };
                    Pass::single(failed)
                }
                Err(error) => Pass {
                    failed: self.all_failed(parts, &places, &error),
                    together: places.len() > 1,
                },
            };
            let counted = pass.has(FailureKind::Counted);
            let Some(wait) = self.answer(parts, pass, Tries { earlier, passes }).await else {
                return turns.pass().await;
            };
            if !self.consuming.pause(wait).await {
                return;
            }
            earlier += i64::from(counted);
        }
    }

    /// Whether failing together has gone on for long enough to look for the culprit.
    fn is_to_be_split(&self, places: &[Place], error: &HandlerError, earlier: i64) -> bool {
        matches!(error, HandlerError::Retry { .. })
            && places.len() > 1
            && self.consuming.spec.max_deliver > 0
            && earlier + 1 >= WHOLE_TRIES
    }

    /// The batch failed as a whole: every item of it did.
    fn all_failed(
        &self,
        parts: &mut [Part],
        places: &[Place],
        error: &HandlerError,
    ) -> Vec<(Place, Failed)> {
        let Some(failed) = self.consuming.weigh(error, places.len()) else {
            finish(parts, places);
            return Vec::new();
        };
        let each = places.iter().map(|place| (*place, failed.at(place.index)));
        each.collect()
    }

    /// Everything that is not done, in order. What is no envelope goes to the dead letters here.
    async fn hand_over(
        &self,
        parts: &mut [Part],
        earlier: i64,
    ) -> (Vec<Place>, Vec<DeliveredItem>) {
        let (mut places, mut items) = (Vec::new(), Vec::new());
        for (number, part) in parts.iter_mut().enumerate() {
            if part.receipt.is_none() {
                continue;
            }
            let envelope = match Envelope::decode(part.letter.payload.clone()) {
                Ok(envelope) => envelope,
                Err(error) => {
                    self.refuse(part, &dead::chain(&error)).await;
                    continue;
                }
            };
            if self.consuming.is_deadly(&part.letter) {
                self.bury_part(part, envelope.items).await;
                continue;
            }
            for (index, item) in (0..).zip(envelope.items) {
                if part.done.contains(&index) {
                    continue;
                }
                places.push(Place {
                    part: number,
                    index,
                });
                items.push(DeliveredItem {
                    stream_sequence: part.letter.stream_sequence,
                    index,
                    item,
                    deliveries: part.letter.deliveries + earlier,
                    published_at: part.letter.published_at,
                });
            }
        }
        (places, items)
    }

    async fn refuse(&self, part: &mut Part, error: &str) {
        let buried = self.consuming.bury_whole(&part.letter, error).await;
        part.answer_burial(buried).await;
    }

    async fn bury_part(&self, part: &mut Part, items: Vec<Item>) {
        let numbered = (0..).zip(items);
        let undone = numbered.filter(|(index, _)| !part.done.contains(index));
        let undone = undone.map(|(_, item)| item).collect();
        let error = "delivered again and again without an outcome";
        let buried = self.consuming.bury(&part.letter, undone, error).await;
        part.answer_burial(buried).await;
    }

    /// Takes items through the three steps, each in its turn. `None` when the turn never comes.
    async fn handle(
        &self,
        items: Vec<DeliveredItem>,
        turns: &mut Turns,
        share: Share,
    ) -> Option<Result<BatchOutcome, HandlerError>> {
        let (limit, steps) = (self.options.batch_timeout, &self.handler);
        let read = match guarded(limit, async { Ok(steps.read(items)) }).await {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        if !turns.enter_handling().await {
            return None;
        }
        let started = Instant::now();
        let outcome = guarded(limit, steps.handle(read)).await;
        self.consuming.metrics.handled(started.elapsed());
        let (outcome, rest) = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return Some(Err(error)),
        };
        if matches!((share, &outcome), (Share::Whole, BatchOutcome::Done)) {
            turns.leave_handling();
        }
        if !turns.enter_finishing().await {
            return None;
        }
        let finished = guarded(limit, steps.finish(rest)).await;
        Some(finished.map(|()| outcome))
    }

    /// Marks what is done and returns what is not.
    fn sort_out(
        &self,
        parts: &mut [Part],
        places: &[Place],
        outcome: BatchOutcome,
    ) -> Vec<(Place, Failed)> {
        let mut failed = Vec::new();
        if let BatchOutcome::Retry(failures) = outcome {
            for failure in failures {
                let Some(place) = places.get(failure.position) else {
                    continue;
                };
                if let Some(weighed) = self.consuming.weigh(&failure.error, 1) {
                    failed.push((*place, weighed.at(place.index)));
                }
            }
        }
        let is_failed = |place: &Place| {
            let mut failed = failed.iter();
            failed.any(|(other, _)| other.part == place.part && other.index == place.index)
        };
        let done: Vec<Place> = places
            .iter()
            .copied()
            .filter(|place| !is_failed(place))
            .collect();
        self.consuming.metrics.count(Outcome::Done, done.len());
        finish(parts, &done);
        failed
    }

    /// Handles the items of a batch that keeps failing each by itself. Where order counts, what
    /// comes after a failed one is left for later. `None` when their turn never comes.
    async fn one_by_one(
        &self,
        parts: &mut [Part],
        (places, earlier): (&[Place], i64),
        error: HandlerError,
        turns: &mut Turns,
    ) -> Option<Vec<(Place, Failed)>> {
        tracing::warn!(
            messaging.consumer = %self.consuming.spec.durable,
            error = sb_telemetry::as_error(&error),
            "a batch keeps failing, its items are handled one by one"
        );
        let mut failed = Vec::new();
        let (_, items) = self.hand_over(parts, earlier).await;
        for (place, item) in places.iter().zip(items) {
            let one = std::slice::from_ref(place);
            let failures = match self.handle(vec![item], turns, Share::One).await? {
                Ok(outcome) => self.sort_out(parts, one, outcome),
                Err(error) => self.all_failed(parts, one, &error),
            };
            let away = failures
                .iter()
                .any(|(_, failed)| failed.kind == FailureKind::Uncounted);
            let stop = away || (self.is_ordered() && !failures.is_empty());
            failed.extend(failures);
            if stop || self.consuming.stopping.is_cancelled() {
                break;
            }
        }
        Some(failed)
    }

    const fn is_ordered(&self) -> bool {
        self.options.ordered || self.options.in_flight <= 1
    }

    /// Answers every part as far as possible. What is left is tried again here after the returned
    /// wait; `None` when nothing is left.
    async fn answer(&self, parts: &mut [Part], pass: Pass, tries: Tries) -> Option<Duration> {
        // Nothing may overtake it, or nothing else would fare better.
        let in_place = self.is_ordered() || pass.together || pass.has(FailureKind::Uncounted);
        let mut waiting = Vec::new();
        let by_part = pass.by_part(parts.len());
        for (part, failures) in parts.iter_mut().zip(by_part) {
            let unseen = failures.is_empty() && part.done.len() < part.items;
            if part.receipt.is_none() || unseen {
                continue;
            }
            let delivered = part.letter.deliveries + tries.earlier;
            let failures = self.bury_failures(part, failures, delivered).await;
            if !failures.is_empty() && in_place {
                waiting.extend(failures);
            } else if !failures.is_empty() {
                let done = std::mem::take(&mut part.done);
                self.consuming
                    .redo
                    .remember(part.letter.stream_sequence, done);
                part.retry(Some(wait_for(&failures, delivered))).await;
            } else if part.done.len() >= part.items {
                part.acknowledge().await;
            }
        }
        let open = parts.iter().any(|part| part.receipt.is_some());
        match waiting.as_slice() {
            [] => open.then_some(Duration::ZERO),
            waiting => Some(wait_for(waiting, tries.passes)),
        }
    }

    async fn bury_failures(&self, part: &mut Part, failed: Vec<Failed>, tries: i64) -> Vec<Failed> {
        if failed.is_empty() {
            return failed;
        }
        let items = Envelope::decode(part.letter.payload.clone())
            .map(|envelope| envelope.items)
            .unwrap_or_default();
        let all: Vec<u32> = failed.iter().map(|failure| failure.index).collect();
        let failed = self
            .consuming
            .bury_exhausted(&part.letter, &items, failed, tries)
            .await;
        let alive: BTreeSet<u32> = failed.iter().map(|failure| failure.index).collect();
        part.done
            .extend(all.into_iter().filter(|index| !alive.contains(index)));
        failed
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
