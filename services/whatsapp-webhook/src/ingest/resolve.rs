//! Persons and their conversations: from the cache, from the tables, or made now.
//!
//! **Invariant:** what the cache remembers is never acted upon after it became wrong. A conversation's
//! `link_version` is raised in the transaction that takes an id from its contact; a message finds its place only
//! under the version that was remembered, and is resolved again when that fails ([`Resolver::forget_those`]). So a
//! merge in another replica is seen at once, and known persons cost no query.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use sb_db::ingest::{ContactRow, Ingest, OpenConversation, Person, WantedConversation};
use sb_db::{DbError, Sighting};
use sb_domain::identity::{Observation, Resolved as Found};
use sb_ids::{ContactId, ConversationId, NumberId};

/// How long a resolved person is believed without asking the database.
const FRESH: Duration = Duration::from_mins(5);
/// Persons remembered; about 500 bytes each.
const REMEMBERED: u64 = 100_000;

/// A person at one of our numbers.
pub(crate) type Party = (NumberId, Person);

/// How a party shows itself in a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Appearance {
    pub(crate) name: Option<String>,
    /// When it was last seen.
    pub(crate) at: DateTime<Utc>,
}

/// Everybody of a batch.
pub(crate) type Parties = HashMap<Party, Appearance>;

/// Who wrote, where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) contact: ContactId,
    pub(crate) conversation: ConversationId,
    /// The conversation's, when the ids led to it.
    pub(crate) link_version: i32,
    name: u64,
}

/// What was resolved in a transaction, to be remembered once it commits.
#[derive(Debug, Default)]
pub(crate) struct Resolution {
    all: HashMap<Party, Resolved>,
    fresh: Vec<(Party, Resolved)>,
}

impl Resolution {
    pub(crate) fn get(&self, party: &Party) -> Option<Resolved> {
        self.all.get(party).copied()
    }
}

/// Finds and remembers persons.
#[derive(Debug)]
pub(crate) struct Resolver {
    cache: Cache<Party, Resolved>,
    /// Ids that were seen together in statuses and are known to be one person's.
    recipients: Cache<Person, ()>,
}

fn fingerprint(name: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// What is known of persons that are not in the cache.
struct Known {
    contacts: HashMap<Person, Found>,
}

impl Resolver {
    pub(crate) fn new() -> Self {
        Self {
            cache: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(FRESH)
                .build(),
            recipients: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(FRESH)
                .build(),
        }
    }

    /// Forgets everything: after a failed transaction a remembered row may be gone.
    pub(crate) fn forget(&self) {
        self.cache.invalidate_all();
        self.recipients.invalidate_all();
    }

    /// Forgets who leads to conversations that ids do not lead to any more.
    pub(crate) fn forget_those(&self, resolution: &Resolution, stale: &HashSet<ConversationId>) {
        for (party, resolved) in &resolution.all {
            if stale.contains(&resolved.conversation) {
                self.cache.invalidate(party);
            }
        }
    }

    /// Remembers what a committed transaction resolved.
    pub(crate) fn remember(&self, resolution: Resolution) {
        for (party, resolved) in resolution.fresh {
            self.cache.insert(party, resolved);
        }
    }

    /// Remembers whom statuses were about.
    pub(crate) fn remember_recipients(&self, recipients: Vec<Person>) {
        for person in recipients {
            self.recipients.insert(person, ());
        }
    }

    pub(crate) fn knows_recipient(&self, person: &Person) -> bool {
        self.recipients.contains_key(person)
    }

    /// Finds every party's contact and conversation, and makes those that are missing. What the cache says may be
    /// wrong until the conversation's `link_version` is found to be the same.
    pub(crate) async fn resolve(
        &self,
        ingest: &mut Ingest<'_>,
        parties: Parties,
        now: DateTime<Utc>,
    ) -> Result<Resolution, DbError> {
        let mut resolution = Resolution::default();
        let mut unknown = Parties::new();
        for (party, shown) in parties {
            let name_print = fingerprint(shown.name.as_deref());
            match self.cache.get(&party) {
                Some(known) if shown.name.is_none() || known.name == name_print => {
                    resolution.all.insert(party, known);
                }
                Some(_) | None => drop(unknown.insert(party, shown)),
            }
        }
        look_up(ingest, unknown, now, &mut resolution).await?;
        Ok(resolution)
    }

    /// As [`Self::resolve`], without the cache: for updates that find no place in their conversation.
    pub(crate) async fn resolve_anew(
        &self,
        ingest: &mut Ingest<'_>,
        parties: Parties,
        now: DateTime<Utc>,
    ) -> Result<Resolution, DbError> {
        let mut resolution = Resolution::default();
        look_up(ingest, parties, now, &mut resolution).await?;
        Ok(resolution)
    }

    /// Finds the contacts of persons who are only mentioned, and makes those that are missing.
    pub(crate) async fn contacts(
        &self,
        ingest: &mut Ingest<'_>,
        parties: Parties,
        now: DateTime<Utc>,
    ) -> Result<HashMap<Person, ContactId>, DbError> {
        let mentioned: Vec<_> = parties.into_iter().collect();
        let known = contacts(ingest, &mentioned, now).await?;
        let found = known.contacts.into_iter();
        Ok(found
            .map(|(person, found)| (person, found.contact))
            .collect())
    }
}

async fn look_up(
    ingest: &mut Ingest<'_>,
    unknown: Parties,
    now: DateTime<Utc>,
    resolution: &mut Resolution,
) -> Result<(), DbError> {
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown: Vec<_> = unknown.into_iter().collect();
    let known = contacts(ingest, &unknown, now).await?;
    let opened = conversations(ingest, &unknown, &known, now).await?;
    for (party, shown) in unknown {
        let Some(found) = known.contacts.get(&party.1).copied() else {
            continue;
        };
        let Some(conversation) = opened.get(&(party.0, found.contact)) else {
            continue;
        };
        let resolved = Resolved {
            contact: found.contact,
            conversation: conversation.id,
            link_version: conversation.link_version,
            name: fingerprint(shown.name.as_deref()),
        };
        resolution.all.insert(party.clone(), resolved);
        // What was so once is not so now; a change of ids is no id.
        if found.is_current && party.1.becomes.is_none() {
            resolution.fresh.push((party, resolved));
        }
    }
    Ok(())
}

fn sighting(person: &Person, at: DateTime<Utc>) -> Sighting {
    Sighting {
        organization: person.organization,
        observation: Observation {
            ids: person.ids.clone(),
            becomes: person.becomes.as_deref().cloned(),
            also: None,
            at,
            is_metas: true,
            makes_contact: true,
        },
    }
}

async fn contacts(
    ingest: &mut Ingest<'_>,
    unknown: &[(Party, Appearance)],
    now: DateTime<Utc>,
) -> Result<Known, DbError> {
    // The same person may be at several of our numbers: seen is who was seen last.
    let mut seen: HashMap<&Person, DateTime<Utc>> = HashMap::new();
    for ((_, person), shown) in unknown {
        let at = seen.entry(person).or_insert(shown.at);
        *at = shown.at.max(*at);
    }
    let mut persons: Vec<(&Person, DateTime<Utc>)> = seen.into_iter().collect();
    persons.sort();
    let sightings: Vec<Sighting> = persons
        .iter()
        .map(|(person, at)| sighting(person, (*at).min(now)))
        .collect();
    let sighted = ingest.identities().observe(&sightings, now).await?;
    let found = persons.iter().zip(&sighted.people);
    let contacts: HashMap<Person, Found> = found
        .filter_map(|((person, _), found)| Some(((*person).clone(), (*found)?)))
        .collect();
    let mut rows: Vec<ContactRow> = unknown
        .iter()
        .filter_map(|((_, person), shown)| {
            let id = contacts.get(person)?.contact;
            let is_new = sighted.created.contains(&id);
            (is_new || shown.name.is_some()).then(|| ContactRow {
                organization: person.organization,
                id,
                profile_name: shown.name.clone().unwrap_or_default(),
                is_group: person.ids.group.is_some(),
            })
        })
        .collect();
    // The first row of a contact counts: prefer one that has a name.
    rows.sort_by(|a, b| {
        let key = |row: &ContactRow| (row.profile_name.is_empty(), row.profile_name.clone());
        key(a).cmp(&key(b))
    });
    ingest.save_contacts(&rows, now).await?;
    Ok(Known { contacts })
}

async fn conversations(
    ingest: &mut Ingest<'_>,
    unknown: &[(Party, Appearance)],
    known: &Known,
    now: DateTime<Utc>,
) -> Result<HashMap<(NumberId, ContactId), OpenConversation>, DbError> {
    let wanted: Vec<WantedConversation> = unknown
        .iter()
        .filter_map(|((number, person), _)| {
            Some(WantedConversation {
                organization: person.organization,
                number: *number,
                contact: known.contacts.get(person)?.contact,
                id: ConversationId::new(now),
                is_group: person.ids.group.is_some(),
            })
        })
        .collect();
    let opened = ingest.open_conversations(&wanted, now).await?;
    Ok(opened
        .into_iter()
        .map(|opened| ((opened.number, opened.contact), opened))
        .collect())
}
