//! An update shows ids as one person's.

use chrono::{DateTime, TimeDelta, Utc};
use sb_ids::ContactId;

use super::graph::{Graph, Observation};
use super::keys::{IdentityKind, Ids, match_key};
use super::links::{Link, Period};

use IdentityKind::{Bsuid, Group, ParentBsuid, Phone, Username};

impl Graph {
    /// Whether somebody has another lasting id than the one shown, at the time at which the number was theirs.
    pub(super) fn is_somebody_else(&self, phone: &Link, ids: &Ids) -> bool {
        let Some(id) = ids.bsuid.as_deref() else {
            return false;
        };
        let parent = ids.parent_bsuid.as_deref();
        let mut theirs = self.links.iter().filter(|l| l.contact == phone.contact);
        let is_known = theirs.clone().any(|link| {
            (link.kind == Bsuid && link.value == id)
                || (link.kind == ParentBsuid && parent == Some(link.value.as_str()))
        });
        !is_known && theirs.any(|link| link.kind == Bsuid && link.overlaps(&phone.period))
    }

    /// An update shows these ids as one person's.
    pub(super) fn see(
        &mut self,
        observation: &Observation,
        is_before: bool,
        new: &mut impl FnMut() -> ContactId,
    ) -> Option<ContactId> {
        let (ids, at) = (&observation.ids, observation.at);
        let phone = ids
            .phone
            .as_deref()
            .and_then(|value| self.holder(Phone, value, at, is_before));
        let mut person: Option<ContactId> = None;
        for kind in [Group, Bsuid, ParentBsuid] {
            let found = ids
                .get(kind)
                .and_then(|value| self.holder(kind, value, at, false));
            let Some(found) = found.and_then(|place| self.contact_at(place)) else {
                continue;
            };
            person = Some(match person {
                Some(person) => self.unite(person, found),
                None => found,
            });
        }
        let is_free = phone
            .and_then(|place| self.link(place))
            .is_some_and(|link| !self.is_somebody_else(link, ids));
        if person.is_none() && is_free {
            person = phone.and_then(|place| self.contact_at(place));
        }
        let mut person = match person {
            Some(person) => person,
            None if observation.makes_contact => {
                let made = new();
                self.created.push(made);
                made
            }
            None => return None,
        };
        person = self.see_phone(person, observation, (phone, is_free));
        self.see_lasting(person, observation);
        self.end_replaced(person);
        if !is_before {
            self.see_username(person, ids, at);
        }
        Some(person)
    }

    fn see_phone(
        &mut self,
        person: ContactId,
        observation: &Observation,
        (holder, is_free): (Option<usize>, bool),
    ) -> ContactId {
        let (ids, at) = (&observation.ids, observation.at);
        let Some(value) = ids.phone.as_deref() else {
            return person;
        };
        let Some((place, link)) = holder.and_then(|place| Some((place, self.link(place)?.clone())))
        else {
            self.leave_other_numbers(person, ids, at);
            self.add(person, (Phone, value), Period::since(at));
            return person;
        };
        if link.contact == person {
            self.confirm(place, value, observation);
            return person;
        }
        let has_another = self
            .numbers_of(person, at)
            .any(|other| other.key != link.key);
        let is_one = is_free && !has_another;
        if is_one && self.may_unite(person, link.contact) {
            let person = self.unite(person, link.contact);
            self.confirm(place, value, observation);
            return person;
        }
        if is_one {
            // Somebody has separated them: the number stays where it was put.
            return person;
        }
        if link.period.from > at {
            let until = Some(link.period.from);
            self.add(person, (Phone, value), Period { from: at, until });
            return person;
        }
        self.leave_other_numbers(person, ids, at);
        let until = link.period.until;
        self.end(place, at);
        self.add(person, (Phone, value), Period { from: at, until });
        person
    }

    /// Meta knows a number under another spelling than the rules: both stay the person's, so that whoever goes on
    /// writing to the first one finds the same person.
    pub(super) fn see_also(
        &mut self,
        person: ContactId,
        also: &str,
        observation: &Observation,
    ) -> ContactId {
        let at = observation.at;
        let holder = self.holder(Phone, also, at, false);
        let Some((place, link)) = holder.and_then(|place| Some((place, self.link(place)?.clone())))
        else {
            self.add(person, (Phone, also), Period::since(at));
            return person;
        };
        if link.contact != person && !self.is_somebody_else(&link, &self.lasting_ids(person)) {
            return self.unite(person, link.contact);
        }
        if link.contact == person {
            self.confirm(place, also, observation);
        }
        person
    }

    /// The business-scoped id that is somebody's now.
    fn lasting_ids(&self, person: ContactId) -> Ids {
        let theirs = |l: &&Link| l.contact == person && l.kind == Bsuid && l.period.is_open();
        Ids {
            bsuid: self
                .links
                .iter()
                .find(theirs)
                .map(|link| link.value.clone()),
            ..Ids::default()
        }
    }

    /// The numbers that are somebody's at a time.
    fn numbers_of(&self, person: ContactId, at: DateTime<Utc>) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |link| {
            link.contact == person
                && link.kind == Phone
                && link.period.from <= at
                && link.period.ends_after(at)
        })
    }

    /// Who shows a new number under the same id has given up the old one; who has several ids is several people
    /// that somebody has merged, and may have several numbers. It ends just before the new one begins: unlike with
    /// a change that Meta tells, the id stays.
    fn leave_other_numbers(&mut self, person: ContactId, ids: &Ids, at: DateTime<Utc>) {
        let lasting = self
            .links
            .iter()
            .filter(|link| link.contact == person && link.kind == Bsuid && link.period.is_open());
        if ids.bsuid.is_none() || lasting.count() > 1 {
            return;
        }
        let given_up: Vec<usize> = self
            .places(|link| {
                link.contact == person
                    && link.kind == Phone
                    && link.period.is_open()
                    && link.period.from <= at
            })
            .collect();
        for place in given_up {
            self.end(place, at - TimeDelta::microseconds(1));
        }
    }

    fn see_lasting(&mut self, person: ContactId, observation: &Observation) {
        let (ids, at) = (&observation.ids, observation.at);
        for kind in [Bsuid, ParentBsuid, Group] {
            let Some(value) = ids.get(kind) else { continue };
            let known = self.holder(kind, value, at, false);
            let Some(place) = known.filter(|place| self.contact_at(*place) == Some(person)) else {
                if known.is_none() {
                    self.add(person, (kind, value), Period::since(at));
                }
                continue;
            };
            let Some(period) = self.link(place).map(|link| link.period) else {
                continue;
            };
            if !period.is_open() && !period.ends_after(at) {
                // It was thought to be replaced, and is not. At the very end it may still be the old one; and who
                // only wants to write to it proves nothing.
                if period.until != Some(at) && observation.is_metas {
                    self.add(person, (kind, value), Period::since(at));
                }
                continue;
            }
            if period.from > at {
                self.begin(place, at);
            }
        }
    }

    /// Ids of somebody end where the number is replaced by another one, whenever that became known: with it they
    /// were given up.
    pub(super) fn end_replaced(&mut self, person: ContactId) {
        let numbers = || {
            let theirs = self.links.iter();
            theirs.filter(|link| link.contact == person && link.kind == Phone)
        };
        let replaced: Vec<DateTime<Utc>> = numbers()
            .filter_map(|old| Some((old.period.until?, &old.key)))
            .filter(|(until, key)| numbers().any(|l| l.period.from == *until && l.key != **key))
            .map(|(until, _)| until)
            .collect();
        let ended: Vec<(usize, DateTime<Utc>)> = self
            .places(|link| {
                link.contact == person
                    && matches!(link.kind, Bsuid | ParentBsuid)
                    && link.period.is_open()
            })
            .filter_map(|place| {
                let from = self.link(place)?.period.from;
                Some((
                    place,
                    replaced.iter().copied().filter(|at| *at > from).min()?,
                ))
            })
            .collect();
        for (place, at) in ended {
            self.end(place, at);
        }
    }

    /// A name is whoever's shows it last.
    fn see_username(&mut self, person: ContactId, ids: &Ids, at: DateTime<Utc>) {
        let Some(name) = ids.username.as_deref() else {
            return;
        };
        let key = match_key(Username, name).into_owned();
        let related: Vec<usize> = self
            .places(|link| {
                link.kind == Username
                    && link.period.is_open()
                    && (link.contact == person || link.key == key)
            })
            .collect();
        let is_past = |place: &usize| self.link(*place).is_some_and(|l| l.period.from > at);
        if related.iter().any(is_past) {
            return;
        }
        let mut is_known = false;
        for place in related {
            let same = self
                .link(place)
                .is_some_and(|link| link.contact == person && link.key == key);
            if same {
                is_known = true;
            } else {
                self.end(place, at);
            }
        }
        if !is_known {
            self.add(person, (Username, name), Period::since(at));
        }
    }
}
