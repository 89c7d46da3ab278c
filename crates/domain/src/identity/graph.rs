//! Which contact an observation is of, and what it changes.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sb_ids::ContactId;

use super::keys::{IdentityKind, Ids, match_key};
use super::links::{Changes, Link, LinkId, Period};

use IdentityKind::Username;

/// What an update shows of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The ids it shows.
    pub ids: Ids,
    /// The ids that take their place from then on, when it says so.
    pub becomes: Option<Ids>,
    /// Another number of the same account: Meta's answer to who wrote to the one that is shown.
    pub also: Option<String>,
    /// When it was so.
    pub at: DateTime<Utc>,
    /// Whether Meta wrote it: its spelling of a phone number is the one to answer to.
    pub is_metas: bool,
    /// Whether somebody nobody knows becomes a contact.
    pub makes_contact: bool,
}

/// Whom an observation is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The contact.
    pub contact: ContactId,
    /// Whether the same ids lead to the same contact now, and not only at the time of the observation.
    pub is_current: bool,
}

/// The links of one organization's contacts, as far as a batch of observations touches them.
#[derive(Debug, Default)]
pub struct Graph {
    pub(super) links: Vec<Link>,
    before: HashMap<LinkId, Link>,
    apart: BTreeSet<(ContactId, ContactId)>,
    pub(super) created: Vec<ContactId>,
    /// Contacts that became one, stored or not: who stays, who goes.
    united: Vec<(ContactId, ContactId)>,
    merges: Vec<(ContactId, ContactId)>,
    changed: BTreeSet<ContactId>,
    left: BTreeSet<ContactId>,
}

impl Graph {
    /// The graph of known links. It needs every link of every contact that has one of the observed ids.
    pub fn new(links: Vec<Link>) -> Self {
        let before = links
            .iter()
            .filter_map(|link| Some((link.id?, link.clone())))
            .collect();
        Self {
            links,
            before,
            ..Self::default()
        }
    }

    /// Two contacts that somebody has separated: they are never merged here.
    pub fn keep_apart(&mut self, one: ContactId, other: ContactId) {
        self.apart.insert((one.min(other), one.max(other)));
    }

    /// Finds whom an observation is of, and notes what it changes. `new` gives the id of a contact to be made.
    /// `None` when it is of nobody known, and makes no contact.
    pub fn observe(
        &mut self,
        observation: &Observation,
        mut new: impl FnMut() -> ContactId,
    ) -> Option<Resolved> {
        let mut contact = match &observation.becomes {
            None => self.see(observation, false, &mut new)?,
            Some(next) => self.replace(observation, next, &mut new)?,
        };
        if let Some(also) = &observation.also {
            contact = self.see_also(contact, also, observation);
        }
        let shown = observation.becomes.as_ref().unwrap_or(&observation.ids);
        let is_current = shown.iter().all(|(kind, value)| {
            let key = match_key(kind, value);
            kind == Username
                || self.links.iter().any(|link| {
                    link.contact == contact && link.period.is_open() && link.is(kind, &key)
                })
        });
        Some(Resolved {
            contact: self.root(contact),
            is_current,
        })
    }

    /// Everything that was noted.
    pub fn into_changes(self) -> Changes {
        let mut changes = Changes {
            created: self.created,
            merges: self.merges,
            changed: self.changed.into_iter().collect(),
            left: self.left.into_iter().collect(),
            ..Changes::default()
        };
        let gone: BTreeSet<ContactId> = self.united.iter().map(|(_, loser)| *loser).collect();
        let created: BTreeSet<ContactId> = changes.created.iter().copied().collect();
        let was_there = |contact: &ContactId| !gone.contains(contact) && !created.contains(contact);
        changes.changed.retain(was_there);
        changes.left.retain(|contact| !created.contains(contact));
        for link in self.links {
            match link.id.and_then(|id| self.before.get(&id)) {
                None => changes.inserted.push(link),
                Some(before) if before.value != link.value || before.period != link.period => {
                    changes.updated.push(link);
                }
                Some(_) => {}
            }
        }
        changes
    }

    /// The contact that stands for one after everything noted so far: a later observation may show that an earlier
    /// one was of somebody else's.
    pub fn root(&self, contact: ContactId) -> ContactId {
        let united = self.united.iter().find(|(_, loser)| *loser == contact);
        united.map_or(contact, |(winner, _)| self.root(*winner))
    }

    /// Whose an id is: of lasting ones whoever ever had it, of a phone number whoever has it at the time or, when
    /// nobody is known to, whoever had it next.
    pub(super) fn holder(
        &self,
        kind: IdentityKind,
        value: &str,
        at: DateTime<Utc>,
        is_before: bool,
    ) -> Option<usize> {
        let key = match_key(kind, value);
        let candidates = self
            .links
            .iter()
            .enumerate()
            .filter(|(_, link)| link.is(kind, &key));
        if kind.is_lasting() {
            let latest = candidates.max_by_key(|(_, link)| {
                (link.period.is_open(), link.period.until, link.period.from)
            });
            return latest.map(|(place, _)| place);
        }
        let fitting = candidates.filter(|(_, link)| {
            if is_before {
                link.period.from <= at && link.period.until.is_none_or(|until| until >= at)
            } else {
                link.period.ends_after(at)
            }
        });
        let first =
            fitting.min_by_key(|(_, link)| (link.period.until.is_none(), link.period.until));
        first.map(|(place, _)| place)
    }

    pub(super) fn link(&self, place: usize) -> Option<&Link> {
        self.links.get(place)
    }

    pub(super) fn contact_at(&self, place: usize) -> Option<ContactId> {
        self.link(place).map(|link| link.contact)
    }

    pub(super) fn places<'g>(
        &'g self,
        is: impl Fn(&Link) -> bool + 'g,
    ) -> impl Iterator<Item = usize> + 'g {
        let all = self.links.iter().enumerate();
        all.filter(move |(_, link)| is(link))
            .map(|(place, _)| place)
    }

    pub(super) fn may_unite(&self, one: ContactId, other: ContactId) -> bool {
        one == other || !self.apart.contains(&(one.min(other), one.max(other)))
    }

    /// Two contacts are one person: the one that was there first stays. The first, when they are kept apart.
    pub(super) fn unite(&mut self, one: ContactId, other: ContactId) -> ContactId {
        if one == other || !self.may_unite(one, other) {
            return one;
        }
        let (winner, loser) = match (self.created.contains(&one), self.created.contains(&other)) {
            (false, true) => (one, other),
            (true, false) => (other, one),
            (true, true) | (false, false) => (one.min(other), one.max(other)),
        };
        let is_stored = !self.created.contains(&loser);
        for link in &mut self.links {
            if link.contact == loser {
                link.contact = winner;
            }
            // What was never stored has no past of its own.
            if link.home == loser && !is_stored {
                link.home = winner;
            }
        }
        self.united.push((winner, loser));
        if is_stored {
            self.merges.push((winner, loser));
        } else {
            self.created.retain(|made| *made != loser);
        }
        self.changed.insert(winner);
        winner
    }

    pub(super) fn add(
        &mut self,
        person: ContactId,
        (kind, value): (IdentityKind, &str),
        period: Period,
    ) {
        // What follows an id of before belongs to the same person, whoever that is merged into.
        let before = self.links.iter().rev().find(|link| {
            link.contact == person && link.kind == kind && link.period.until == Some(period.from)
        });
        let home = before.map_or(person, |link| link.home);
        let of = (person, home);
        self.links
            .push(Link::new(None, of, (kind, value.to_owned()), period));
        self.changed.insert(person);
    }

    pub(super) fn end(&mut self, place: usize, at: DateTime<Utc>) {
        let Some(link) = self.links.get_mut(place) else {
            return;
        };
        link.period.from = link.period.from.min(at);
        link.period.until = Some(at);
        self.changed.insert(link.contact);
        self.left.insert(link.contact);
    }

    /// An id was somebody's earlier than was known, as far as it was nobody else's.
    pub(super) fn begin(&mut self, place: usize, at: DateTime<Utc>) {
        let Some(link) = self.link(place) else { return };
        let ends = self
            .links
            .iter()
            .filter(|other| other.is(link.kind, &link.key))
            .filter_map(|other| other.period.until)
            .filter(|until| *until <= link.period.from);
        let from = ends.fold(at, DateTime::max);
        if let Some(link) = self.links.get_mut(place) {
            link.period.from = link.period.from.min(from);
        }
    }

    /// Somebody shows an id that is known to be theirs.
    pub(super) fn confirm(&mut self, place: usize, value: &str, observation: &Observation) {
        self.begin(place, observation.at);
        if let Some(link) = self.links.get_mut(place)
            && observation.is_metas
            && link.period.is_open()
            && link.value != value
        {
            value.clone_into(&mut link.value);
            self.changed.insert(link.contact);
        }
    }
}
