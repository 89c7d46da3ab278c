//! What waits to be posted: order within a chat, nothing blocks another chat.
//!
//! **Invariant:** at most one post of a chat is in flight, so that without
//! faults a chat's updates arrive in order. A post that failed leaves the
//! chat's line and waits for its retry alone; what follows overtakes it, as
//! Meta's own retries are overtaken.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};

use bytes::Bytes;
use tokio::time::Instant;

use super::build::{Change, Metadata};
use super::retry::RetrySchedule;
use crate::state::faults::Faults;

/// Updates that may wait; more are dropped and counted.
const MAX_WAITING: usize = 100_000;

/// Concurrent posts to one app when nothing else is said.
const DEFAULT_CONCURRENCY: usize = 128;
/// Workers there are, so the most posts at once.
pub(crate) const MAX_CONCURRENCY: usize = 256;

/// One update for one app.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub(crate) app_id: String,
    pub(crate) waba_id: String,
    pub(crate) number_id: Option<String>,
    /// Updates of the same chat keep their order.
    pub(crate) thread: String,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) change: Change,
}

/// A post that was tried and must be tried again with the same bytes.
#[derive(Debug, Clone)]
pub(crate) struct Retry {
    pub(crate) id: u64,
    pub(crate) app_id: String,
    pub(crate) waba_id: String,
    pub(crate) number_id: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) updates: usize,
    /// Inbound messages in it, which get their second tick when it is acknowledged.
    pub(crate) messages: Vec<String>,
    pub(crate) attempts: u32,
    pub(crate) first_at: Instant,
}

/// What a worker takes.
#[derive(Debug)]
pub(crate) enum Work {
    /// New updates of one app, and the chats they belong to.
    Fresh(Vec<Update>),
    /// An old post.
    Again(Retry),
}

enum Later {
    Update(Update),
    Retry(Retry),
}

struct Timed {
    due: Instant,
    sequence: u64,
    what: Later,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}
impl Eq for Timed {}
impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.sequence).cmp(&(other.due, other.sequence))
    }
}

#[derive(Default)]
struct AppLine {
    chats: HashMap<String, VecDeque<Update>>,
    runnable: VecDeque<String>,
    busy: HashSet<String>,
    retries: VecDeque<Retry>,
    in_flight: usize,
    prefer_retry: bool,
}

impl AppLine {
    fn push(&mut self, update: Update) {
        let chat = self.chats.entry(update.thread.clone()).or_default();
        if chat.is_empty() && !self.busy.contains(&update.thread) {
            self.runnable.push_back(update.thread.clone());
        }
        chat.push_back(update);
    }

    fn take(&mut self, batch: usize) -> Option<Work> {
        self.prefer_retry = !self.prefer_retry;
        if (self.prefer_retry || self.runnable.is_empty())
            && let Some(retry) = self.retries.pop_front()
        {
            return Some(Work::Again(retry));
        }
        let mut taken = Vec::new();
        while taken.len() < batch
            && let Some(thread) = self.runnable.pop_front()
        {
            if let Some(chat) = self.chats.get_mut(&thread) {
                let room = (batch - taken.len()).min(chat.len());
                taken.extend(chat.drain(..room));
            }
            self.busy.insert(thread);
        }
        (!taken.is_empty()).then_some(Work::Fresh(taken))
    }

    fn finish(&mut self, thread: &str) {
        if !self.busy.remove(thread) {
            return;
        }
        match self.chats.get(thread) {
            Some(chat) if !chat.is_empty() => self.runnable.push_back(thread.to_owned()),
            _ => {
                self.chats.remove(thread);
            }
        }
    }
}

/// The global switches that govern delivery.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliveryRules {
    pub(crate) batch: usize,
    pub(crate) concurrency: usize,
    pub(crate) schedule: RetrySchedule,
}

impl DeliveryRules {
    pub(crate) fn from_faults(faults: &Faults) -> Self {
        Self {
            batch: faults.batch(),
            concurrency: faults
                .webhook_concurrency
                .unwrap_or(DEFAULT_CONCURRENCY)
                .clamp(1, MAX_CONCURRENCY),
            schedule: RetrySchedule::from_faults(faults),
        }
    }
}

impl Default for DeliveryRules {
    fn default() -> Self {
        Self::from_faults(&Faults::default())
    }
}

/// All lines of all apps.
#[derive(Default)]
pub(crate) struct WebhookQueue {
    apps: BTreeMap<String, AppLine>,
    later: BinaryHeap<Reverse<Timed>>,
    sequence: u64,
    /// Updates not yet acknowledged, wherever they are.
    pub(crate) pending: usize,
    pub(crate) overflowed: u64,
    /// Counts the resets: what was taken before one is not put back after it.
    pub(crate) epoch: u64,
    pub(crate) rules: DeliveryRules,
}

impl WebhookQueue {
    /// Adds a new update, to be posted at once or at a time.
    pub(crate) fn push(&mut self, update: Update, due: Option<Instant>) {
        if self.pending >= MAX_WAITING {
            self.overflowed += 1;
            return;
        }
        self.pending += 1;
        match due {
            None => self.line(&update.app_id.clone()).push(update),
            Some(due) => self.schedule(due, Later::Update(update)),
        }
    }

    /// Adds a failed post to be tried again.
    pub(crate) fn retry(&mut self, retry: Retry, due: Instant) {
        self.schedule(due, Later::Retry(retry));
    }

    fn schedule(&mut self, due: Instant, what: Later) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.later.push(Reverse(Timed {
            due,
            sequence,
            what,
        }));
    }

    fn line(&mut self, app_id: &str) -> &mut AppLine {
        self.apps.entry(app_id.to_owned()).or_default()
    }

    /// Moves what became due into its line; returns when the next is due.
    pub(crate) fn ripen(&mut self, now: Instant) -> (bool, Option<Instant>) {
        let mut moved = false;
        while let Some(Reverse(next)) = self.later.peek() {
            if next.due > now {
                return (moved, Some(next.due));
            }
            moved = true;
            match self.later.pop().map(|Reverse(timed)| timed.what) {
                Some(Later::Update(update)) => self.line(&update.app_id.clone()).push(update),
                Some(Later::Retry(retry)) => {
                    self.line(&retry.app_id.clone()).retries.push_back(retry);
                }
                None => {}
            }
        }
        (moved, None)
    }

    /// Makes every waiting retry due now.
    pub(crate) fn hurry(&mut self) {
        for Reverse(timed) in std::mem::take(&mut self.later) {
            match timed.what {
                Later::Update(update) => self.line(&update.app_id.clone()).push(update),
                Later::Retry(retry) => {
                    self.line(&retry.app_id.clone()).retries.push_back(retry);
                }
            }
        }
    }

    /// Takes work of an app that is below its concurrency.
    pub(crate) fn take(&mut self) -> Option<Work> {
        let DeliveryRules {
            batch, concurrency, ..
        } = self.rules;
        for line in self.apps.values_mut() {
            if line.in_flight < concurrency
                && let Some(work) = line.take(batch)
            {
                line.in_flight += 1;
                return Some(work);
            }
        }
        None
    }

    /// Gives a worker's place back and frees the chats of its post.
    pub(crate) fn finish<'a>(&mut self, app_id: &str, threads: impl IntoIterator<Item = &'a str>) {
        if let Some(line) = self.apps.get_mut(app_id) {
            line.in_flight = line.in_flight.saturating_sub(1);
            for thread in threads {
                line.finish(thread);
            }
        }
    }

    /// Acknowledged or given up.
    pub(crate) fn settle(&mut self, updates: usize) {
        self.pending = self.pending.saturating_sub(updates);
    }

    /// Forgets everything; posts in flight end without effect.
    pub(crate) fn clear(&mut self) {
        self.later.clear();
        for line in self.apps.values_mut() {
            line.chats.clear();
            line.runnable.clear();
            line.retries.clear();
        }
        self.pending = 0;
        self.overflowed = 0;
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn update(thread: &str, id: u32) -> Update {
        Update {
            app_id: "9".to_owned(),
            waba_id: "7".to_owned(),
            number_id: None,
            thread: thread.to_owned(),
            metadata: None,
            change: Change::Raw {
                field: id.to_string(),
                value: json!({}),
            },
        }
    }

    fn take(queue: &mut WebhookQueue, batch: usize, concurrency: usize) -> Option<Work> {
        queue.rules.batch = batch;
        queue.rules.concurrency = concurrency;
        queue.take()
    }

    fn fields(work: Option<Work>) -> Vec<String> {
        let Some(Work::Fresh(updates)) = work else {
            return Vec::new();
        };
        updates
            .into_iter()
            .map(|update| match update.change {
                Change::Raw { field, .. } => field,
                Change::Message { .. } | Change::Status { .. } => String::new(),
            })
            .collect()
    }

    #[test]
    fn chat_keeps_order_and_does_not_block_another() {
        let mut queue = WebhookQueue::default();
        for (thread, id) in [("a", 1), ("a", 2), ("b", 3)] {
            queue.push(update(thread, id), None);
        }
        assert_eq!(fields(take(&mut queue, 1, 8)), ["1"]);
        assert_eq!(fields(take(&mut queue, 1, 8)), ["3"]);
        assert!(take(&mut queue, 1, 8).is_none());
        queue.finish("9", ["a"]);
        assert_eq!(fields(take(&mut queue, 1, 8)), ["2"]);
    }

    #[test]
    fn batch_takes_up_to_its_size_across_chats() {
        let mut queue = WebhookQueue::default();
        for id in 0..5 {
            queue.push(update(if id < 3 { "a" } else { "b" }, id), None);
        }
        assert_eq!(fields(take(&mut queue, 4, 8)), ["0", "1", "2", "3"]);
        queue.finish("9", ["a", "b"]);
        assert_eq!(fields(take(&mut queue, 4, 8)), ["4"]);
    }

    #[test]
    fn concurrency_of_an_app_is_bounded() {
        let mut queue = WebhookQueue::default();
        queue.push(update("a", 1), None);
        queue.push(update("b", 2), None);
        assert!(take(&mut queue, 1, 1).is_some());
        assert!(take(&mut queue, 1, 1).is_none());
        queue.finish("9", ["a"]);
        assert!(take(&mut queue, 1, 1).is_some());
    }

    #[test]
    fn delayed_updates_ripen_in_order_of_time() {
        let mut queue = WebhookQueue::default();
        let now = Instant::now();
        queue.push(update("a", 2), Some(now + Duration::from_secs(2)));
        queue.push(update("b", 1), Some(now + Duration::from_secs(1)));
        assert_eq!(
            queue.ripen(now),
            (false, Some(now + Duration::from_secs(1)))
        );
        queue.ripen(now + Duration::from_secs(3));
        assert_eq!(fields(take(&mut queue, 2, 8)), ["1", "2"]);
        assert_eq!(queue.pending, 2);
        queue.settle(2);
        assert_eq!(queue.pending, 0);
    }
}
