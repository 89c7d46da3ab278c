//! Lists that are read in pages: by key, never by offset, so that a page stays right while rows are added.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// Rows at most.
    pub limit: u16,
    /// Continue behind this key; from the start without one.
    pub after: Option<K>,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, K> {
    /// The rows, in the list's order.
    pub items: Vec<T>,
    /// Where to continue; `None` at the end.
    pub next: Option<K>,
}

/// Place in a list ordered by activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityKey {
    /// When something last happened.
    pub at: DateTime<Utc>,
    /// The row, among those of the same instant.
    pub id: Uuid,
}

/// Place in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceKey(pub i64);

/// Which end of a conversation a list starts at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// From the latest message back.
    #[default]
    NewestFirst,
    /// From the first message on.
    OldestFirst,
}

impl<K> PageRequest<K> {
    /// One row more than wanted tells whether there is a next page.
    pub(crate) fn probe(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts the row that was read only to look ahead.
    pub(crate) fn page<T, N>(&self, mut items: Vec<T>, key: impl FnOnce(&T) -> N) -> Page<T, N> {
        let limit = usize::from(self.limit);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(key);
        Page { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_page_without_a_row_behind_it_is_the_last() {
        let request = PageRequest::<i64> {
            limit: 2,
            after: None,
        };
        let last = request.page(vec![1, 2], |n| *n);
        assert_eq!((last.items, last.next), (vec![1, 2], None));
        let middle = request.page(vec![1, 2, 3], |n| *n);
        assert_eq!((middle.items, middle.next), (vec![1, 2], Some(2)));
    }
}
