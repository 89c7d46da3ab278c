//! An update says that ids were replaced by others.

use chrono::{DateTime, Utc};
use sb_ids::ContactId;

use super::graph::{Graph, Observation};
use super::keys::{IdentityKind, Ids, match_key};
use super::links::{Link, Period};

use IdentityKind::{Bsuid, ParentBsuid, Phone};

impl Graph {
    /// An update says that ids were replaced by others.
    pub(super) fn replace(
        &mut self,
        observation: &Observation,
        next: &Ids,
        new: &mut impl FnMut() -> ContactId,
    ) -> Option<ContactId> {
        let at = observation.at;
        if !observation.ids.names_somebody() {
            let seen = Observation {
                ids: next.clone(),
                becomes: None,
                ..observation.clone()
            };
            return self.see(&seen, false, new);
        }
        let mut person = self.see(observation, true, new)?;
        for kind in [Bsuid, ParentBsuid] {
            if let Some(value) = next.get(kind) {
                person = self.take_id(person, (kind, value), at);
            }
        }
        if let Some(value) = next.phone.as_deref() {
            let key = match_key(Phone, value).into_owned();
            let given_up: Vec<usize> = self.given_up(person, &observation.ids, &key, at).collect();
            person = self.take_number(person, (value, next), observation);
            for place in given_up {
                self.end(place, at);
            }
        }
        self.end_ids_of_before(person, next, observation);
        self.end_replaced(person);
        self.go_on(person, next, at);
        Some(person)
    }

    /// Gives a person the lasting id that is theirs from then on; whoever has it is the same person.
    fn take_id(
        &mut self,
        person: ContactId,
        (kind, value): (IdentityKind, &str),
        at: DateTime<Utc>,
    ) -> ContactId {
        let holder = self.holder(kind, value, at, false);
        if let Some(other) = holder.and_then(|place| self.contact_at(place)) {
            return self.unite(person, other);
        }
        self.add(person, (kind, value), Period::since(at));
        person
    }

    /// Ends the lasting ids that others took the place of: those that are named and, since they are made anew with
    /// another number, all of before when the number changed.
    fn end_ids_of_before(&mut self, person: ContactId, next: &Ids, observation: &Observation) {
        let (before, at) = (&observation.ids, observation.at);
        let is_other_number = next.phone.as_deref().is_some_and(|value| {
            let named = before.phone.as_deref();
            named.is_none_or(|named| match_key(Phone, named) != match_key(Phone, value))
        });
        let ended: Vec<usize> = self
            .places(|link| {
                let is_next = next.get(link.kind) == Some(link.value.as_str());
                let is_named = before.get(link.kind) == Some(link.value.as_str());
                let is_made_anew = is_other_number && link.period.from <= at;
                matches!(link.kind, Bsuid | ParentBsuid)
                    && link.contact == person
                    && link.period.is_open()
                    && !is_next
                    && (is_made_anew || (is_named && next.get(link.kind).is_some()))
            })
            .collect();
        for place in ended {
            self.end(place, at);
        }
    }

    /// A lasting id that is the same after the change goes on.
    fn go_on(&mut self, person: ContactId, next: &Ids, at: DateTime<Utc>) {
        for kind in [Bsuid, ParentBsuid] {
            let Some(value) = next.get(kind) else {
                continue;
            };
            let latest = self.places(|link| link.is(kind, value)).last();
            let latest = latest.and_then(|place| self.link(place));
            if latest.is_some_and(|link| link.contact == person && link.period.until == Some(at)) {
                self.add(person, (kind, value), Period::since(at));
            }
        }
    }

    /// The numbers that a change to another one ends: the one that is named, otherwise the only one.
    fn given_up<'g>(
        &'g self,
        person: ContactId,
        named: &Ids,
        next: &'g str,
        at: DateTime<Utc>,
    ) -> impl Iterator<Item = usize> + 'g {
        let named = named.phone.as_deref();
        let named = named.map(|value| match_key(Phone, value).into_owned());
        let open = move |link: &Link| {
            link.contact == person
                && link.kind == Phone
                && link.period.is_open()
                && link.period.from <= at
                && link.key != next
        };
        let is_only = self.places(open).count() == 1;
        self.places(move |link| {
            open(link) && named.as_ref().map_or(is_only, |named| link.key == *named)
        })
    }

    /// Gives a person the number that an update says is theirs from then on.
    fn take_number(
        &mut self,
        person: ContactId,
        (value, next): (&str, &Ids),
        observation: &Observation,
    ) -> ContactId {
        let at = observation.at;
        let holder = self.holder(Phone, value, at, false);
        let Some((place, link)) = holder.and_then(|place| Some((place, self.link(place)?.clone())))
        else {
            self.add(person, (Phone, value), Period::since(at));
            return person;
        };
        if link.contact == person {
            self.confirm(place, value, observation);
            return person;
        }
        // Whoever had the number before the change is somebody else; so is who has it after somebody with other ids.
        let is_after = link.period.from >= at;
        let theirs = || {
            let lasting = self.links.iter();
            lasting.filter(|l| l.contact == link.contact && l.kind == Bsuid)
        };
        let is_other = theirs().any(|l| l.period.from < at && l.overlaps(&link.period))
            || (next.bsuid.is_some() && self.is_somebody_else(&link, next));
        if is_after && !is_other && self.may_unite(person, link.contact) {
            let person = self.unite(person, link.contact);
            self.confirm(place, value, observation);
            return person;
        }
        if is_after {
            if link.period.from > at {
                let until = Some(link.period.from);
                self.add(person, (Phone, value), Period { from: at, until });
            }
            return person;
        }
        let until = link.period.until;
        self.end(place, at);
        self.add(person, (Phone, value), Period { from: at, until });
        person
    }
}
