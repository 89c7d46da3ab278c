//! The rules, one by one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sb_ids::ContactId;
use uuid::Uuid;

use super::*;

const ADA: &str = "16505551234";
const ADA_LATER: &str = "16505557777";
const BOB: &str = "16505559999";

pub(super) fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_000_000 + second, 0).unwrap()
}

pub(super) fn contact(n: u32) -> ContactId {
    ContactId::from_uuid(Uuid::from_u128(u128::from(n) + 1))
}

pub(super) fn ids(phone: Option<&str>, bsuid: Option<&str>) -> Ids {
    Ids {
        phone: phone.map(str::to_owned),
        bsuid: bsuid.map(str::to_owned),
        ..Ids::default()
    }
}

pub(super) fn seen(ids: Ids, second: i64) -> Observation {
    Observation {
        ids,
        becomes: None,
        also: None,
        at: at(second),
        is_metas: true,
        makes_contact: true,
    }
}

pub(super) fn changed(before: Ids, after: Ids, second: i64) -> Observation {
    Observation {
        becomes: Some(after),
        ..seen(before, second)
    }
}

/// What a database would keep, with each observation a transaction of its own.
#[derive(Debug, Default)]
pub(super) struct Store {
    links: Vec<Link>,
    merges: Vec<(ContactId, ContactId)>,
    made: u32,
}

impl Store {
    pub(super) fn take(&mut self, observation: &Observation) -> ContactId {
        let mut graph = Graph::new(self.links.clone());
        let made = &mut self.made;
        let found = graph.observe(observation, || {
            *made += 1;
            contact(*made)
        });
        let changes = graph.into_changes();
        for (winner, loser) in &changes.merges {
            for link in &mut self.links {
                if link.contact == *loser {
                    link.contact = *winner;
                }
            }
        }
        for link in changes.updated {
            let place = self.links.iter().position(|known| known.id == link.id);
            self.links[place.unwrap()] = link;
        }
        for link in changes.inserted {
            let count = u64::try_from(self.links.len()).unwrap();
            let id = Some(Uuid::from_u128(u128::from(count)));
            self.links.push(Link { id, ..link });
        }
        self.merges.extend(changes.merges);
        self.assert_one_holder_each();
        found.unwrap().contact
    }

    pub(super) fn take_all(observations: &[Observation]) -> Self {
        let mut store = Self::default();
        for observation in observations {
            store.take(observation);
        }
        store
    }

    fn assert_one_holder_each(&self) {
        let mut open = BTreeSet::new();
        for link in self.links.iter().filter(|link| link.period.until.is_none()) {
            assert!(
                open.insert((link.kind, link.key.clone())),
                "{:?}",
                self.links
            );
        }
    }

    /// Which ids were ever one contact's.
    pub(super) fn partition(&self) -> BTreeSet<BTreeSet<String>> {
        let mut by_contact: BTreeMap<ContactId, BTreeSet<String>> = BTreeMap::new();
        for link in &self.links {
            let key = format!("{}:{}", link.kind.as_str(), link.key);
            by_contact.entry(link.contact).or_default().insert(key);
        }
        by_contact.into_values().collect()
    }

    fn current(&self, of: ContactId) -> Vec<(&'static str, &str)> {
        let open = self.links.iter().filter(|l| l.period.until.is_none());
        let theirs = open.filter(|link| link.contact == of);
        let mut found: Vec<_> = theirs
            .map(|l| (l.kind.as_str(), l.value.as_str()))
            .collect();
        found.sort_unstable();
        found
    }
}

#[test]
fn a_message_that_shows_both_ids_makes_one_person_of_two() {
    let mut store = Store::default();
    let by_phone = store.take(&seen(ids(Some(ADA), None), 1));
    let by_bsuid = store.take(&seen(ids(None, Some("US.1")), 2));
    assert_ne!(by_phone, by_bsuid);
    let both = store.take(&seen(ids(Some(ADA), Some("US.1")), 3));
    assert_eq!(both, by_phone);
    assert_eq!(store.merges, [(by_phone, by_bsuid)]);
    assert_eq!(store.current(both), [("bsuid", "US.1"), ("phone", ADA)]);
}

#[test]
fn spellings_of_a_number_are_one_person_and_metas_is_kept() {
    let mut store = Store::default();
    let typed = Observation {
        is_metas: false,
        ..seen(ids(Some("5511987654321"), None), 1)
    };
    let contact = store.take(&typed);
    let answered = store.take(&seen(ids(Some("551187654321"), None), 2));
    assert_eq!(contact, answered);
    assert_eq!(store.current(contact), [("phone", "551187654321")]);
    store.take(&typed);
    assert_eq!(store.current(contact), [("phone", "551187654321")]);
}

#[test]
fn a_number_with_another_business_scoped_id_has_a_new_owner() {
    let mut store = Store::default();
    let before = store.take(&seen(ids(Some(ADA), Some("US.1")), 1));
    let after = store.take(&seen(ids(Some(ADA), Some("US.2")), 10));
    assert_ne!(before, after);
    assert!(store.merges.is_empty());
    assert_eq!(store.current(before), [("bsuid", "US.1")]);
    assert_eq!(store.current(after), [("bsuid", "US.2"), ("phone", ADA)]);
    // What the first owner wrote arrives late.
    assert_eq!(store.take(&seen(ids(Some(ADA), Some("US.1")), 5)), before);
    assert_eq!(store.current(after), [("bsuid", "US.2"), ("phone", ADA)]);
}

#[test]
fn a_new_owner_who_is_seen_first_keeps_the_number() {
    let mut store = Store::default();
    let after = store.take(&seen(ids(Some(ADA), Some("US.2")), 10));
    let before = store.take(&seen(ids(Some(ADA), Some("US.1")), 1));
    assert_ne!(before, after);
    assert_eq!(store.current(after), [("bsuid", "US.2"), ("phone", ADA)]);
    assert_eq!(store.current(before), [("bsuid", "US.1")]);
}

#[test]
fn a_changed_number_stays_with_its_person_and_the_old_one_is_free() {
    let mut store = Store::default();
    let ada = store.take(&seen(ids(Some(ADA), Some("US.1")), 1));
    let notice = changed(ids(Some(ADA), None), ids(Some(ADA_LATER), None), 10);
    assert_eq!(store.take(&notice), ada);
    assert_eq!(store.current(ada), [("phone", ADA_LATER)]);
    assert_eq!(
        store.take(&seen(ids(Some(ADA_LATER), Some("US.2")), 11)),
        ada
    );
    // Late, from before.
    assert_eq!(store.take(&seen(ids(Some(ADA), Some("US.1")), 5)), ada);
    assert_eq!(
        store.current(ada),
        [("bsuid", "US.2"), ("phone", ADA_LATER)]
    );
    let bob = store.take(&seen(ids(Some(ADA), Some("US.3")), 20));
    assert_ne!(bob, ada);
    // The notice again: nothing is taken back.
    assert_eq!(store.take(&notice), ada);
    assert_eq!(store.current(bob), [("bsuid", "US.3"), ("phone", ADA)]);
    assert!(store.merges.is_empty());
}

#[test]
fn a_changed_business_scoped_id_stays_with_its_person() {
    let mut store = Store::default();
    let ada = store.take(&seen(ids(Some(ADA), Some("US.1")), 1));
    let notice = changed(ids(None, Some("US.1")), ids(None, Some("US.2")), 10);
    assert_eq!(store.take(&notice), ada);
    assert_eq!(store.take(&notice), ada);
    assert_eq!(store.current(ada), [("bsuid", "US.2"), ("phone", ADA)]);
    assert_eq!(store.take(&seen(ids(Some(ADA), Some("US.2")), 11)), ada);
    // An id that was replaced is still nobody else's.
    assert_eq!(store.take(&seen(ids(None, Some("US.1")), 5)), ada);
}

#[test]
fn a_parent_id_joins_ids_of_several_portfolios() {
    let mut store = Store::default();
    let with_parent = |bsuid, second| {
        let mut seen = seen(ids(None, Some(bsuid)), second);
        seen.ids.parent_bsuid = Some("US.ENT.1".to_owned());
        seen
    };
    let one = store.take(&with_parent("US.1", 1));
    assert_eq!(store.take(&with_parent("US.2", 2)), one);
    assert_eq!(store.take(&seen(ids(None, Some("US.2")), 3)), one);
    assert_eq!(store.take(&seen(ids(None, Some("US.1")), 4)), one);
}

#[test]
fn a_user_name_is_recorded_and_matches_nobody() {
    let mut store = Store::default();
    let named = |bsuid, name: &str, second| {
        let mut seen = seen(ids(None, Some(bsuid)), second);
        seen.ids.username = Some(name.to_owned());
        seen
    };
    let ada = store.take(&named("US.1", "ada", 1));
    let bob = store.take(&named("US.2", "Ada", 2));
    assert_ne!(ada, bob);
    assert_eq!(store.current(ada), [("bsuid", "US.1")]);
    assert_eq!(store.current(bob), [("bsuid", "US.2"), ("username", "Ada")]);
    store.take(&named("US.2", "bob", 3));
    assert_eq!(store.current(bob), [("bsuid", "US.2"), ("username", "bob")]);
}

#[test]
fn whom_somebody_has_separated_no_message_brings_together() {
    let mut store = Store::default();
    let by_phone = store.take(&seen(ids(Some(ADA), None), 1));
    let by_bsuid = store.take(&seen(ids(None, Some("US.1")), 2));
    let mut graph = Graph::new(store.links.clone());
    graph.keep_apart(by_bsuid, by_phone);
    let both = seen(ids(Some(ADA), Some("US.1")), 3);
    let found = graph.observe(&both, || contact(99)).unwrap();
    assert_eq!((found.contact, found.is_current), (by_bsuid, false));
    assert!(graph.into_changes().is_empty());
}

#[test]
fn a_stranger_in_a_status_becomes_no_contact() {
    let mut graph = Graph::new(Vec::new());
    let status = Observation {
        makes_contact: false,
        ..seen(ids(Some(BOB), Some("US.9")), 1)
    };
    assert_eq!(graph.observe(&status, || contact(1)), None);
    assert!(graph.into_changes().is_empty());
}

#[test]
fn what_is_known_changes_nothing_when_it_is_seen_again() {
    let mut store = Store::default();
    let both = seen(ids(Some(ADA), Some("US.1")), 1);
    store.take(&both);
    let mut graph = Graph::new(store.links.clone());
    let again = graph.observe(&Observation { at: at(9), ..both }, || contact(99));
    assert!(again.unwrap().is_current);
    assert!(graph.into_changes().is_empty());
}
