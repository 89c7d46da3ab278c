//! Which conversations to look at, in which order, and when.
//!
//! - **Invariant:** a conversation is at work at most once, so its messages go one after another.
//! - A recipient gets no more than Meta allows; what is too much waits, and nobody else does.
//! - Numbers take turns, one conversation each: a busy number does not hold up the others.
//! - Bounded: a number with more conversations than [`Limits`] allow is marked, and filled up from the database
//!   when there is room again. Nothing is lost by leaving a conversation out: the row is the truth.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use sb_db::dispatch::ConversationKey;
use sb_ids::{ConversationId, NumberId, Shard};

use super::Pacer;
use super::pairs::Pairs;

#[cfg(test)]
mod tests;

/// A pacer nobody needed for this long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);

/// How much is held in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Conversations of one number.
    pub(crate) per_number: usize,
    /// Conversations of all numbers.
    pub(crate) total: usize,
}

/// What to do with a conversation after one of its messages is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// More waits behind it.
    More,
    /// Nothing is known to wait.
    Done,
    /// Its head is tried again then.
    At(Instant),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for its timer.
    Idle,
    /// Waits for its number's turn and pace.
    Ready,
    /// Is being claimed, sent or recorded. `again` when somebody asked meanwhile.
    AtWork { again: bool },
}

#[derive(Debug)]
struct Place {
    key: ConversationKey,
    state: State,
    timer: Option<Instant>,
}

#[derive(Debug)]
struct Queue {
    shard: Shard,
    /// One of its conversations.
    sample: ConversationKey,
    pacer: Pacer,
    ready: VecDeque<ConversationId>,
    members: usize,
    is_overfull: bool,
    waits: Waits,
    used: Instant,
}

/// Where a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// Nowhere: it has nothing ready.
    Not,
    /// In `turns`.
    ForTurn,
    /// In `paced`, under this key.
    ForPace(Instant),
}

/// The conversations of the shards this process owns.
#[derive(Debug)]
pub(crate) struct Worklist {
    limits: Limits,
    default_rate: u32,
    places: HashMap<ConversationId, Place>,
    queues: HashMap<NumberId, Queue>,
    /// Numbers with something ready that may have pace for it.
    turns: VecDeque<NumberId>,
    /// Numbers with something ready that have none before then.
    paced: BTreeSet<(Instant, NumberId)>,
    timers: BTreeSet<(Instant, ConversationId)>,
    pairs: Pairs,
}

impl Worklist {
    /// An empty list.
    pub(crate) fn new(default_rate: u32, limits: Limits) -> Self {
        Self {
            limits,
            default_rate,
            places: HashMap::new(),
            queues: HashMap::new(),
            turns: VecDeque::new(),
            paced: BTreeSet::new(),
            timers: BTreeSet::new(),
            pairs: Pairs::default(),
        }
    }

    /// How many conversations it holds.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Shards that have work here, each with a conversation to name.
    pub(crate) fn samples(&self) -> BTreeMap<Shard, ConversationKey> {
        let busy = self.queues.values().filter(|queue| queue.members > 0);
        busy.map(|queue| (queue.shard, queue.sample)).collect()
    }

    /// Somebody says that a conversation may have something to send.
    pub(crate) fn look(&mut self, key: ConversationKey, now: Instant) {
        if let Some(place) = self.places.get_mut(&key.conversation) {
            match &mut place.state {
                State::Idle => self.make_ready(key, now),
                State::Ready => {}
                State::AtWork { again } => *again = true,
            }
            return;
        }
        let is_full = self.places.len() >= self.limits.total;
        let (per_number, rate) = (self.limits.per_number, self.default_rate);
        let queue = self.queues.entry(key.number).or_insert_with(|| Queue {
            shard: Shard::of(key.number),
            sample: key,
            pacer: Pacer::new(rate, now),
            ready: VecDeque::new(),
            members: 0,
            is_overfull: false,
            waits: Waits::Not,
            used: now,
        });
        if is_full || queue.members >= per_number {
            queue.is_overfull = true;
            return;
        }
        queue.members += 1;
        let place = Place {
            key,
            state: State::Idle,
            timer: None,
        };
        self.places.insert(key.conversation, place);
        self.make_ready(key, now);
    }

    /// Takes up to `room` conversations whose numbers have pace for one more message each.
    pub(crate) fn take(&mut self, now: Instant, room: usize) -> Vec<ConversationKey> {
        self.wake(now);
        let mut taken = Vec::new();
        while taken.len() < room
            && let Some(number) = self.turns.pop_front()
        {
            let Some(queue) = self.queues.get_mut(&number) else {
                continue;
            };
            let Some(next) = queue.ready.front().copied() else {
                queue.waits = Waits::Not;
                continue;
            };
            if let Err(at) = self.pairs.take(next, now) {
                queue.ready.pop_front();
                self.turns.push_front(number);
                self.wait_for_pair(next, at);
                continue;
            }
            if !queue.pacer.take(now) {
                self.pairs.give_back(next);
                let at = queue.pacer.next_at();
                queue.waits = Waits::ForPace(at);
                self.paced.insert((at, number));
                continue;
            }
            queue.used = now;
            queue.ready.pop_front();
            self.turns.push_back(number);
            if let Some(place) = self.places.get_mut(&next) {
                place.state = State::AtWork { again: false };
                taken.push(place.key);
            }
        }
        taken
    }

    /// The recipient has had too much lately: the conversation comes back by itself.
    fn wait_for_pair(&mut self, conversation: ConversationId, at: Instant) {
        if let Some(place) = self.places.get_mut(&conversation) {
            place.state = State::Idle;
            let at = place.timer.map_or(at, |timer| timer.max(at));
            self.set_timer(conversation, at);
        }
    }

    /// When [`Self::take`] may give something it does not give now for want of time.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let paced = self.paced.first().map(|(at, _)| *at);
        let timer = self.timers.first().map(|(at, _)| *at);
        paced.into_iter().chain(timer).min()
    }

    /// A conversation that was taken had nothing to send. Its number's pace is given back.
    pub(crate) fn found_nothing(&mut self, key: ConversationKey, now: Instant) {
        self.give_back_pace(key);
        self.settle(key, Next::Done, now);
    }

    /// A message that was claimed was not sent after all.
    pub(crate) fn give_back_pace(&mut self, key: ConversationKey) {
        self.pairs.give_back(key.conversation);
        let number = key.number;
        let Some(queue) = self.queues.get_mut(&number) else {
            return;
        };
        queue.pacer.give_back();
        if let Waits::ForPace(at) = queue.waits {
            queue.waits = Waits::ForTurn;
            self.paced.remove(&(at, number));
            self.turns.push_back(number);
        }
    }

    /// The message of a conversation that was taken is settled.
    pub(crate) fn settle(&mut self, key: ConversationKey, next: Next, now: Instant) {
        let Some(place) = self.places.get_mut(&key.conversation) else {
            return;
        };
        let again = matches!(place.state, State::AtWork { again: true });
        place.state = State::Idle;
        if let Next::At(at) = next {
            let at = place.timer.map_or(at, |timer| timer.min(at));
            self.set_timer(key.conversation, at);
        }
        if again || next == Next::More {
            self.make_ready(key, now);
        } else {
            self.drop_if_idle(key.conversation);
        }
    }

    /// A number's own rate became known.
    pub(crate) fn set_rate(&mut self, number: NumberId, rate: Option<u32>) {
        let rate = rate.unwrap_or(self.default_rate);
        if let Some(queue) = self.queues.get_mut(&number) {
            queue.pacer.set_rate(rate);
        }
    }

    /// A number sends nothing before `until`.
    pub(crate) fn pause(&mut self, number: NumberId, until: Instant) {
        if let Some(queue) = self.queues.get_mut(&number) {
            queue.pacer.pause(until);
        }
    }

    /// Drops what is not at work of a shard that belongs to another replica now.
    pub(crate) fn forget(&mut self, shard: Shard) {
        let mut gone = Vec::new();
        for (id, place) in &mut self.places {
            if Shard::of(place.key.number) != shard {
                continue;
            }
            match &mut place.state {
                State::AtWork { again } => *again = false,
                State::Idle | State::Ready => gone.push(*id),
            }
        }
        for queue in self.queues.values_mut() {
            if queue.shard == shard {
                queue.ready.clear();
                queue.is_overfull = false;
            }
        }
        for conversation in gone {
            self.remove(conversation);
        }
    }

    /// Numbers that had to leave conversations out and have room again. Each is returned once.
    pub(crate) fn take_refillable(&mut self) -> Vec<NumberId> {
        if self.places.len() > self.limits.total / 2 {
            return Vec::new();
        }
        let half = self.limits.per_number / 2;
        let mut refillable = Vec::new();
        for (number, queue) in &mut self.queues {
            if queue.is_overfull && queue.members <= half {
                queue.is_overfull = false;
                refillable.push(*number);
            }
        }
        refillable
    }

    /// Forgets numbers that have had nothing to send for long, and recipients whose limit has run out.
    pub(crate) fn forget_idle_numbers(&mut self, now: Instant) {
        self.pairs.forget_fresh(now);
        self.queues.retain(|_, queue| {
            queue.members > 0
                || queue.is_overfull
                || queue.waits != Waits::Not
                || !queue.pacer.is_fresh(now)
                || now.duration_since(queue.used) < FORGOTTEN_AFTER
        });
    }

    /// Moves what has become due in time.
    fn wake(&mut self, now: Instant) {
        while let Some(number) = pop_due(&mut self.paced, now) {
            if let Some(queue) = self.queues.get_mut(&number) {
                queue.waits = Waits::ForTurn;
                self.turns.push_back(number);
            }
        }
        while let Some(conversation) = pop_due(&mut self.timers, now) {
            let Some(place) = self.places.get_mut(&conversation) else {
                continue;
            };
            place.timer = None;
            let key = place.key;
            self.look(key, now);
        }
    }

    fn make_ready(&mut self, key: ConversationKey, now: Instant) {
        let Some(place) = self.places.get_mut(&key.conversation) else {
            return;
        };
        place.state = State::Ready;
        if let Some(queue) = self.queues.get_mut(&key.number) {
            queue.ready.push_back(key.conversation);
            queue.used = now;
            if queue.waits == Waits::Not {
                queue.waits = Waits::ForTurn;
                self.turns.push_back(key.number);
            }
        }
    }

    fn set_timer(&mut self, conversation: ConversationId, at: Instant) {
        if let Some(place) = self.places.get_mut(&conversation) {
            if let Some(old) = place.timer.replace(at) {
                self.timers.remove(&(old, conversation));
            }
            self.timers.insert((at, conversation));
        }
    }

    fn drop_if_idle(&mut self, conversation: ConversationId) {
        let place = self.places.get(&conversation);
        if place.is_some_and(|place| place.state == State::Idle && place.timer.is_none()) {
            self.remove(conversation);
        }
    }

    /// Takes out a conversation that is in no queue.
    fn remove(&mut self, conversation: ConversationId) {
        let Some(place) = self.places.remove(&conversation) else {
            return;
        };
        if let Some(at) = place.timer {
            self.timers.remove(&(at, conversation));
        }
        if let Some(queue) = self.queues.get_mut(&place.key.number) {
            queue.members = queue.members.saturating_sub(1);
        }
    }
}

fn pop_due<T: Ord + Copy>(waiting: &mut BTreeSet<(Instant, T)>, now: Instant) -> Option<T> {
    let (at, first) = *waiting.first()?;
    if at > now {
        return None;
    }
    waiting.pop_first();
    Some(first)
}
