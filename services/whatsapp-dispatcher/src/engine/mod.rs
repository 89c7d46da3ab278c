//! The engine: one task that owns all state, and the futures it drives.
//!
//! A conversation goes round: looked at → claimed (batch) → sent → recorded (batch) → looked at again if more
//! waits. Everything slow is a [`Step`] in flight; when one ends, the engine decides what follows. There are no
//! locks, and dropping the engine drops everything it does.
//!
//! - **Invariant:** a message is claimed, and its claim committed, before its request is made; so a killed
//!   process leaves it `sending`, and nobody sends it again unless it is known not to have left.
//! - **Invariant:** at most `max_in_flight` messages are between claim and record. While Postgres is away
//!   nothing new is sent.

mod claims;
mod polls;
mod records;
mod sends;
mod statuses;
mod tools;
mod uploads;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use sb_config::DispatcherSettings;
use sb_db::dispatch::ConversationKey;
use sb_ids::Shard;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::claims::Claims;
use self::polls::{Findings, Polls};
use self::sends::Finished;
pub(crate) use self::tools::Tools;
pub(crate) use self::uploads::Uploads;
use crate::rules::{Effect, Limits, Next, Ownership, Verdict, Worklist};

/// Claim statements at once: one more than the one whose answer is awaited.
const CLAIMS_AT_ONCE: usize = 2;
/// A batch of results is written when it has this many …
const RECORD_BATCH: usize = 100;
/// … or when its first one has waited this long.
const RECORD_LINGER: Duration = Duration::from_millis(8);
/// After a claim that failed.
const CLAIM_RETRY: Duration = Duration::from_secs(1);
/// About 200 bytes each.
const LIMITS: Limits = Limits {
    per_number: 20_000,
    total: 100_000,
};
/// Batches of commands taken in at once.
const ARRIVALS_AT_ONCE: usize = 64;

/// Commands of one shard.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The shard: hearing its commands is owning it.
    pub(crate) shard: Shard,
    /// Where to look.
    pub(crate) looks: Vec<ConversationKey>,
}

/// What was in flight and has ended.
enum Step {
    Claimed(Claims),
    Sent(Box<Finished>),
    Recorded(Vec<Finished>),
    Polled(Option<Findings>),
    Nudged,
}

/// Claims, sends and records.
pub(crate) struct Engine {
    tools: Arc<Tools>,
    arrivals: mpsc::Receiver<Arrival>,
    worklist: Worklist,
    ownership: Ownership,
    polls: Polls,
    steps: FuturesUnordered<BoxFuture<'static, Step>>,
    max_in_flight: usize,
    claim_batch: usize,
    /// Conversations taken from the worklist and not settled.
    in_flight: usize,
    claims: usize,
    sends: usize,
    is_recording: bool,
    finished: Vec<Finished>,
    finished_since: Option<Instant>,
    is_stopping: bool,
}

impl Engine {
    /// An engine at rest.
    pub(crate) fn new(
        tools: Tools,
        arrivals: mpsc::Receiver<Arrival>,
        settings: &DispatcherSettings,
    ) -> Self {
        let now = tools.clock.now();
        Self {
            tools: Arc::new(tools),
            arrivals,
            worklist: Worklist::new(settings.default_rate_per_second.max(1), LIMITS),
            ownership: Ownership::default(),
            polls: Polls::new(now, Instant::now()),
            steps: FuturesUnordered::new(),
            max_in_flight: settings.max_in_flight.max(1),
            claim_batch: usize::try_from(settings.claim_batch).unwrap_or(1).max(1),
            in_flight: 0,
            claims: 0,
            sends: 0,
            is_recording: false,
            finished: Vec::new(),
            finished_since: None,
            is_stopping: false,
        }
    }

    /// Runs until `stopping`, then finishes what is in flight.
    pub(crate) async fn run(mut self, stopping: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            let now = Instant::now();
            self.start(now);
            if self.is_stopping && self.in_flight == 0 {
                break;
            }
            let wake_at = tokio::time::Instant::from_std(self.wake_at(now));
            tokio::select! {
                Some(step) = self.steps.next(), if !self.steps.is_empty() => self.after(step),
                count = self.arrivals.recv_many(&mut batch, ARRIVALS_AT_ONCE), if !self.is_stopping => {
                    if count == 0 {
                        self.is_stopping = true;
                    }
                    self.hear(batch.drain(..), Instant::now());
                }
                () = tokio::time::sleep_until(wake_at) => {}
                () = stopping.cancelled(), if !self.is_stopping => self.is_stopping = true,
            }
            // What ended together is looked at together, so that the next batch is larger.
            while let Some(Some(step)) = self.steps.next().now_or_never() {
                self.after(step);
            }
        }
        self.hand_over().await;
    }

    /// Starts whatever may start now.
    fn start(&mut self, now: Instant) {
        self.start_record(now);
        if self.is_stopping {
            return;
        }
        self.start_claims(now);
        self.start_poll(now);
    }

    fn start_claims(&mut self, now: Instant) {
        while self.claims < CLAIMS_AT_ONCE {
            let room = self.max_in_flight.saturating_sub(self.in_flight);
            let keys = self.worklist.take(now, room.min(self.claim_batch));
            if keys.is_empty() {
                return;
            }
            self.in_flight += keys.len();
            self.claims += 1;
            let tools = Arc::clone(&self.tools);
            self.steps
                .push(async move { Step::Claimed(claims::claim(&tools, keys).await) }.boxed());
        }
    }

    fn start_record(&mut self, now: Instant) {
        let Some(since) = self.finished_since.filter(|_| !self.is_recording) else {
            return;
        };
        let is_due = self.finished.len() >= RECORD_BATCH
            || now.duration_since(since) >= RECORD_LINGER
            || self.sends == 0;
        if !is_due {
            return;
        }
        let batch = std::mem::take(&mut self.finished);
        self.finished_since = None;
        self.is_recording = true;
        let tools = Arc::clone(&self.tools);
        self.steps
            .push(async move { Step::Recorded(records::record(&tools, batch).await) }.boxed());
    }

    fn start_poll(&mut self, now: Instant) {
        let is_idle = self.worklist.len() == 0;
        let Some(question) = self.polls.next(self.tools.clock.now(), now, is_idle) else {
            return;
        };
        let tools = Arc::clone(&self.tools);
        self.steps
            .push(async move { Step::Polled(polls::poll(&tools, question).await) }.boxed());
    }

    /// When something may start that may not start now, if nothing happens until then.
    fn wake_at(&self, now: Instant) -> Instant {
        let mut wake_at = now + Duration::from_secs(1);
        if !self.is_stopping {
            wake_at = wake_at.min(self.polls.next_at().unwrap_or(wake_at));
            let has_room = self.in_flight < self.max_in_flight && self.claims < CLAIMS_AT_ONCE;
            let ready_at = self.worklist.next_wake().filter(|_| has_room);
            wake_at = wake_at.min(ready_at.unwrap_or(wake_at));
        }
        if let Some(since) = self.finished_since.filter(|_| !self.is_recording) {
            wake_at = wake_at.min(since + RECORD_LINGER);
        }
        wake_at
    }

    fn hear(&mut self, arrivals: impl Iterator<Item = Arrival>, now: Instant) {
        for arrival in arrivals {
            if self.ownership.hear(arrival.shard, now) {
                tracing::info!(shard = arrival.shard.index(), "owning a shard of numbers");
                self.polls.sweep_all();
            }
            for key in arrival.looks {
                self.worklist.look(key, now);
            }
        }
    }

    fn after(&mut self, step: Step) {
        let now = Instant::now();
        match step {
            Step::Claimed(claims) => self.after_claim(claims, now),
            Step::Sent(finished) => {
                self.sends = self.sends.saturating_sub(1);
                self.finish(*finished, now);
            }
            Step::Recorded(batch) => {
                self.is_recording = false;
                for finished in batch {
                    self.after_record(&finished, now);
                }
            }
            Step::Polled(findings) => self.after_poll(findings, now),
            Step::Nudged => {}
        }
    }

    fn after_claim(&mut self, claims: Claims, now: Instant) {
        self.claims = self.claims.saturating_sub(1);
        let Some(messages) = claims.messages else {
            for key in claims.keys {
                self.worklist.give_back_pace(key);
                self.settle(key, Next::At(now + CLAIM_RETRY), now);
            }
            return;
        };
        let mut empty: BTreeMap<_, _> = claims
            .keys
            .into_iter()
            .map(|key| (key.conversation, key))
            .collect();
        for message in messages {
            empty.remove(&message.outgoing.conversation);
            self.worklist
                .set_rate(message.number.id, message.number.rate_per_second);
            match sends::prepare(&self.tools, message) {
                Ok(prepared) => {
                    self.sends += 1;
                    let tools = Arc::clone(&self.tools);
                    let sending =
                        async move { Step::Sent(Box::new(sends::send(&tools, prepared).await)) };
                    self.steps.push(sending.boxed());
                }
                Err(stopped) => {
                    self.worklist.give_back_pace(stopped.outgoing.key());
                    self.finish(*stopped, now);
                }
            }
        }
        for key in empty.into_values() {
            self.in_flight = self.in_flight.saturating_sub(1);
            self.worklist.found_nothing(key, now);
        }
    }

    /// The outcome is known and waits to be recorded.
    fn finish(&mut self, finished: Finished, now: Instant) {
        if let Effect::PauseNumber(wait) = finished.effect {
            self.worklist.pause(finished.outgoing.number, now + wait);
        }
        self.finished.push(finished);
        self.finished_since.get_or_insert(now);
    }

    fn after_record(&mut self, finished: &Finished, now: Instant) {
        let next = match &finished.verdict {
            Verdict::Again {
                at,
                is_postponed: false,
                ..
            } => {
                let wait = (*at - self.tools.clock.now()).to_std().unwrap_or_default();
                Next::At(now + wait)
            }
            Verdict::Accepted(_)
            | Verdict::Again { .. }
            | Verdict::Failed(_)
            | Verdict::Unknown { .. }
                if finished.has_more =>
            {
                Next::More
            }
            Verdict::Accepted(_)
            | Verdict::Again { .. }
            | Verdict::Failed(_)
            | Verdict::Unknown { .. } => Next::Done,
        };
        self.settle(finished.outgoing.key(), next, now);
    }

    fn settle(&mut self, key: ConversationKey, next: Next, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let next = if self.ownership.owns(Shard::of(key.number), now) {
            next
        } else {
            Next::Done
        };
        self.worklist.settle(key, next, now);
    }

    fn after_poll(&mut self, findings: Option<Findings>, now: Instant) {
        let mut elsewhere = BTreeMap::new();
        if let Some(findings) = findings {
            self.tools
                .metrics
                .oldest_due(findings.oldest_due, self.tools.clock.now());
            for key in findings.keys() {
                let shard = Shard::of(key.number);
                if self.ownership.owns(shard, now) {
                    self.worklist.look(key, now);
                } else {
                    elsewhere.insert(shard, key);
                }
            }
            self.polls.answered(findings, now);
        } else {
            self.polls.failed(now);
        }
        self.polls.sweep_numbers(self.worklist.take_refillable());
        self.tools.metrics.load(self.in_flight, self.worklist.len());
        for shard in self.ownership.take_lapsed(now) {
            tracing::info!(
                shard = shard.index(),
                "a shard of numbers is another replica's"
            );
            self.worklist.forget(shard);
        }
        self.worklist.forget_idle_numbers(now);
        elsewhere.extend(self.worklist.samples());
        self.nudge(elsewhere, now);
    }

    /// Asks the owners of shards that have work to look at it; often that is this process itself.
    fn nudge(&mut self, samples: BTreeMap<Shard, ConversationKey>, now: Instant) {
        let due: Vec<ConversationKey> = samples
            .into_iter()
            .filter(|(shard, _)| self.ownership.take_nudge(*shard, now))
            .map(|(_, key)| key)
            .collect();
        if due.is_empty() {
            return;
        }
        let tools = Arc::clone(&self.tools);
        self.steps.push(
            async move {
                polls::nudge(&tools, &due).await;
                Step::Nudged
            }
            .boxed(),
        );
    }

    /// Tells whoever owns our shards next that there is work.
    async fn hand_over(&mut self) {
        let samples: Vec<ConversationKey> = self.worklist.samples().into_values().collect();
        polls::nudge(&self.tools, &samples).await;
    }
}
