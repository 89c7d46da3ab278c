//! What is already done of envelopes that will come again. In memory only: after a restart, or on
//! another replica, done items are handled once more, which handlers tolerate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Envelopes remembered; more than a consumer may have unanswered.
const REMEMBERED: usize = 4_096;

/// The finished items of envelopes, by the envelope's place in the stream.
#[derive(Debug, Default)]
pub(crate) struct Redo {
    envelopes: Mutex<BTreeMap<u64, BTreeSet<u32>>>,
}

impl Redo {
    fn envelopes(&self) -> MutexGuard<'_, BTreeMap<u64, BTreeSet<u32>>> {
        self.envelopes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the positions that are done; whoever gives the envelope back enters them anew.
    pub(crate) fn take(&self, sequence: u64) -> BTreeSet<u32> {
        self.envelopes().remove(&sequence).unwrap_or_default()
    }

    /// Remembers an envelope that will come again; the oldest is forgotten when there are too many.
    pub(crate) fn remember(&self, sequence: u64, done: BTreeSet<u32>) {
        let mut envelopes = self.envelopes();
        envelopes.insert(sequence, done);
        while envelopes.len() > REMEMBERED {
            envelopes.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_envelopes_are_remembered() {
        let redo = Redo::default();
        for sequence in 0..5_000 {
            redo.remember(sequence, BTreeSet::from([3]));
        }
        assert_eq!(redo.take(0), BTreeSet::new());
        assert_eq!(redo.take(4_999), BTreeSet::from([3]));
        assert_eq!(redo.take(4_999), BTreeSet::new(), "taken once");
    }
}
