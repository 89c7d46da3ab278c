//! The rules in every order, and merges undone in every order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sb_ids::{ContactId, ConversationId, NumberId};
use uuid::Uuid;

use super::tests::{Store, changed, contact, ids, seen};
use super::*;

/// A time in a person's life with its own number and its own business-scoped id.
#[derive(Debug, Clone)]
struct Epoch {
    person: usize,
    index: usize,
    tells_ids: bool,
}

impl Epoch {
    fn ids(&self, shows: u8) -> Ids {
        let (person, index) = (self.person, self.index);
        let phone = format!("1650555{person:02}{index:02}");
        let bsuid = format!("US.{person}x{index}");
        match shows {
            0 => ids(Some(&phone), None),
            1 => ids(None, Some(&bsuid)),
            _ => ids(Some(&phone), Some(&bsuid)),
        }
    }

    fn start(&self) -> i64 {
        i64::try_from(self.index).unwrap() * 100
    }

    /// The notice that this epoch begins.
    fn notice(&self) -> Option<Observation> {
        let index = self.index.checked_sub(1)?;
        let before = Self {
            index,
            ..self.clone()
        };
        let shows = if self.tells_ids { 2 } else { 0 };
        Some(changed(before.ids(shows), self.ids(shows), self.start()))
    }
}

fn any_history() -> impl Strategy<Value = Vec<Observation>> {
    let epochs = proptest::collection::vec(proptest::collection::vec(any::<bool>(), 1..4), 1..3);
    let glimpses = proptest::collection::vec((any::<u8>(), any::<u8>(), 0_u8..3, 1_i64..99), 1..10);
    (epochs, glimpses).prop_flat_map(|(people, glimpses)| {
        let mut epochs = Vec::new();
        for (person, turns) in people.iter().enumerate() {
            for (index, tells_ids) in turns.iter().enumerate() {
                epochs.push(Epoch {
                    person,
                    index,
                    tells_ids: *tells_ids,
                });
            }
        }
        let mut observations: Vec<Observation> = epochs.iter().filter_map(Epoch::notice).collect();
        for (which, _, shows, second) in glimpses {
            let epoch = &epochs[usize::from(which) % epochs.len()];
            observations.push(seen(epoch.ids(shows), epoch.start() + second));
        }
        let ordered = observations.clone();
        (Just(ordered), Just(observations).prop_shuffle())
            .prop_map(|(ordered, shuffled)| [ordered, shuffled].concat())
    })
}

/// What belongs together because some observation shows it together.
fn components(observations: &[Observation]) -> BTreeSet<BTreeSet<String>> {
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    for observation in observations {
        let shown = observation
            .ids
            .iter()
            .chain(observation.becomes.iter().flat_map(Ids::iter));
        let mut group: BTreeSet<String> = shown
            .map(|(kind, value)| format!("{}:{value}", kind.as_str()))
            .collect();
        groups.retain(|known| {
            let is_other = known.is_disjoint(&group);
            if !is_other {
                group.extend(known.iter().cloned());
            }
            is_other
        });
        groups.push(group);
    }
    groups.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_order_of_observations_ends_in_the_same_partition(history in any_history()) {
        // The first half is in order, the second the same in another order.
        let (_, shuffled) = history.split_at(history.len() / 2);
        let expected = components(shuffled);
        prop_assert_eq!(&Store::take_all(shuffled).partition(), &expected);
        let mut sorted = shuffled.to_vec();
        sorted.sort_by_key(|observation| observation.at);
        prop_assert_eq!(&Store::take_all(&sorted).partition(), &expected);
        // Everything twice changes nothing.
        prop_assert_eq!(Store::take_all(&history).partition(), expected);
    }

    #[test]
    fn a_batch_ends_as_its_observations_one_by_one(history in any_history()) {
        let mut graph = Graph::new(Vec::new());
        let mut made = 0;
        let found: Vec<ContactId> = history
            .iter()
            .filter_map(|observation| {
                let new = || { made += 1; contact(made) };
                graph.observe(observation, new).map(|found| found.contact)
            })
            .collect();
        prop_assert_eq!(found.len(), history.len());
        let roots: BTreeSet<ContactId> = found.iter().map(|c| graph.root(*c)).collect();
        let changes = graph.into_changes();
        prop_assert!(changes.merges.is_empty());
        let created: BTreeSet<ContactId> = changes.created.iter().copied().collect();
        let holders: BTreeSet<ContactId> = changes.inserted.iter().map(|l| l.contact).collect();
        prop_assert_eq!(&holders, &created);
        prop_assert!(roots.is_subset(&created));
        prop_assert!(changes.inserted.iter().all(|link| link.home == link.contact));
    }
}

/// Contacts with conversations at two numbers, and merges among them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Book {
    merges: Vec<(Merge, BTreeSet<ConversationId>)>,
    threads: BTreeMap<ConversationId, Thread>,
}

impl Book {
    fn new(has: &[(bool, bool)]) -> Self {
        let mut threads = BTreeMap::new();
        for (n, (first, second)) in (0_u32..).zip(has) {
            let contact = contact(n);
            // Neither in the order of the contacts nor against it.
            let age = u128::from(n * 7 % 5 * 10 + n * 100);
            for (number, _) in [(1_u128, first), (2, second)]
                .iter()
                .filter(|(_, has)| **has)
            {
                let id = ConversationId::from_uuid(Uuid::from_u128(age + number));
                let number = NumberId::from_uuid(Uuid::from_u128(*number));
                threads.insert(
                    id,
                    Thread {
                        id,
                        number,
                        contact,
                        home: contact,
                        into: None,
                    },
                );
            }
        }
        Self {
            merges: Vec::new(),
            threads,
        }
    }

    fn active(&self) -> Vec<Merge> {
        self.merges.iter().map(|(merge, _)| *merge).collect()
    }

    fn root(&self, contact: ContactId) -> ContactId {
        let merged = self.merges.iter().find(|(merge, _)| merge.loser == contact);
        merged.map_or(contact, |(merge, _)| self.root(merge.winner))
    }

    fn settle(&mut self, root: ContactId, preferred: &BTreeSet<ConversationId>) {
        let all: Vec<Thread> = self.threads.values().copied().collect();
        for thread in Family::of(root, &self.active()).settle(&all, preferred) {
            self.threads.insert(thread.id, thread);
            self.assert_one_each();
        }
    }

    fn assert_one_each(&self) {
        let mut seen = BTreeSet::new();
        for thread in self.threads.values() {
            assert!(seen.insert((thread.number, thread.contact)), "{self:?}");
        }
    }

    fn merge(&mut self, winner: ContactId, loser: ContactId) {
        let live = |t: &&Thread| t.contact == loser && t.into.is_none();
        let went_on = self.threads.values().filter(live).map(|t| t.id).collect();
        self.merges.push((Merge { winner, loser }, went_on));
        self.settle(winner, &BTreeSet::new());
    }

    fn unmerge(&mut self, place: usize) {
        let (merge, went_on) = self.merges.remove(place);
        let root = self.root(merge.winner);
        self.settle(merge.loser, &went_on);
        self.settle(root, &BTreeSet::new());
    }
}

proptest! {
    #[test]
    fn undoing_a_merge_is_as_if_it_had_never_been(
        has in proptest::collection::vec(any::<(bool, bool)>(), 2..7),
        pairs in proptest::collection::vec((0_u32..7, 0_u32..7), 1..8),
        order in any::<prop::sample::Index>(),
    ) {
        let mut book = Book::new(&has);
        let start = book.clone();
        let mut states = Vec::new();
        let count = u32::try_from(has.len()).unwrap();
        for (one, other) in pairs {
            let (one, other) = (book.root(contact(one % count)), book.root(contact(other % count)));
            if one == other {
                continue;
            }
            states.push(book.clone());
            book.merge(one.min(other), one.max(other));
            for number in [1, 2] {
                let number = NumberId::from_uuid(Uuid::from_u128(number));
                let of_number = book.threads.values().filter(|t| t.number == number);
                for thread in of_number.filter(|t| t.into.is_none()) {
                    prop_assert_eq!(book.root(thread.home), thread.contact);
                }
            }
        }
        // The last one first: each step back is exact.
        let mut back = book.clone();
        while let Some(before) = states.pop() {
            back.unmerge(back.merges.len() - 1);
            prop_assert_eq!(&back.threads, &before.threads);
        }
        // In any order: everybody has everything back.
        while !book.merges.is_empty() {
            book.unmerge(order.index(book.merges.len()));
        }
        prop_assert_eq!(book, start);
    }
}
