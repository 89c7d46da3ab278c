//! Envelopes that wait to become a batch, and the parts of one.

use std::collections::{BTreeSet, VecDeque};

use tokio::time::{Duration, Instant};

use crate::consuming::wait_for;
use crate::ledger::Receipt;
use crate::pull::Letter;

/// An envelope of a batch.
#[derive(Debug)]
pub(crate) struct Part {
    /// Gone once it is answered.
    pub(crate) receipt: Option<Receipt>,
    pub(crate) letter: Letter,
    /// How many items it has.
    pub(crate) items: usize,
    pub(crate) done: BTreeSet<u32>,
    pub(crate) came: Instant,
}

/// Where an item of a batch comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) part: usize,
    pub(crate) index: u32,
}

/// Envelopes that wait to become a batch.
#[derive(Debug)]
pub(crate) struct Gathering {
    parts: VecDeque<Part>,
    items: usize,
    max_items: usize,
    linger: Duration,
}

impl Gathering {
    pub(crate) fn new(max_items: usize, linger: Duration) -> Self {
        Self {
            parts: VecDeque::new(),
            items: 0,
            max_items: max_items.max(1),
            linger,
        }
    }

    pub(crate) fn push(&mut self, part: Part) {
        self.items += part.items;
        self.parts.push_back(part);
    }

    /// When the oldest envelope has waited long enough; at once when there is enough for a batch.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        let first = self.parts.front()?;
        let linger = if self.is_full() {
            Duration::ZERO
        } else {
            self.linger
        };
        Some(first.came + linger)
    }

    /// Whether there is enough for a batch.
    pub(crate) const fn is_full(&self) -> bool {
        self.items >= self.max_items
    }

    /// Takes as many envelopes as fit in one batch, at least one.
    pub(crate) fn take(&mut self) -> Vec<Part> {
        let (mut batch, mut items) = (Vec::new(), 0);
        while let Some(part) = self.parts.front() {
            if !batch.is_empty() && items + part.items > self.max_items {
                break;
            }
            items += part.items;
            batch.extend(self.parts.pop_front());
        }
        self.items = self.items.saturating_sub(items);
        batch
    }

    pub(crate) fn into_parts(self) -> impl Iterator<Item = Part> {
        self.parts.into_iter()
    }
}

impl Part {
    pub(crate) async fn acknowledge(&mut self) {
        if let Some(receipt) = self.receipt.take() {
            receipt.ack().await;
        }
    }

    pub(crate) async fn retry(&mut self, after: Option<Duration>) {
        if let Some(receipt) = self.receipt.take() {
            receipt.retry(after).await;
        }
    }

    /// What could not be copied to the dead letters must not be acknowledged.
    pub(crate) async fn answer_burial(&mut self, buried: bool) {
        if buried {
            self.acknowledge().await;
        } else {
            self.retry(Some(wait_for(&[], 5))).await;
        }
    }
}

/// Marks items as done.
pub(crate) fn finish(parts: &mut [Part], places: &[Place]) {
    for place in places {
        if let Some(part) = parts.get_mut(place.part) {
            part.done.insert(place.index);
        }
    }
}

/// Gives what is not answered to whoever reads next.
pub(crate) async fn give_back(parts: impl IntoIterator<Item = Part>) {
    for mut part in parts {
        part.retry(None).await;
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn part(items: usize) -> Part {
        Part {
            receipt: None,
            letter: Letter {
                subject: String::new(),
                payload: bytes::Bytes::new(),
                stream_sequence: 0,
                deliveries: 1,
                published_at: DateTime::default(),
            },
            items,
            done: BTreeSet::new(),
            came: Instant::now(),
        }
    }

    #[tokio::test]
    async fn a_batch_counts_items_and_never_splits_an_envelope() {
        let mut gathering = Gathering::new(10, Duration::from_mins(1));
        for items in [4, 4, 4, 30, 1] {
            gathering.push(part(items));
        }
        let mut sizes = Vec::new();
        while gathering.due_at().is_some() {
            let batch: Vec<usize> = gathering.take().iter().map(|part| part.items).collect();
            sizes.push(batch);
        }
        assert_eq!(sizes, [vec![4, 4], vec![4], vec![30], vec![1]]);
    }

    #[tokio::test]
    async fn a_batch_is_due_when_it_is_full_or_has_lingered() {
        let linger = Duration::from_mins(1);
        let mut gathering = Gathering::new(2, linger);
        assert_eq!(gathering.due_at(), None);
        gathering.push(part(1));
        assert!(gathering.due_at().unwrap() > Instant::now());
        gathering.push(part(1));
        assert!(gathering.due_at().unwrap() <= Instant::now());
    }
}
