//! Persons and their conversations: from the cache, from the tables, or made now.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use sb_db::DbError;
use sb_db::ingest::{ContactRow, Identity, Ingest, Person};
use sb_ids::{ContactId, ConversationId, NumberId};

/// How long a resolved person is believed without asking the database.
const FRESH: Duration = Duration::from_mins(5);
/// Persons remembered; about 300 bytes each.
const REMEMBERED: u64 = 100_000;

/// A person at one of our numbers.
pub(crate) type Party = (NumberId, Person);

/// Who wrote, where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) contact: ContactId,
    pub(crate) conversation: ConversationId,
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
}

fn fingerprint(name: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl Resolver {
    pub(crate) fn new() -> Self {
        Self {
            cache: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(FRESH)
                .build(),
        }
    }

    /// Forgets everything: after a failed transaction a remembered row may be gone.
    pub(crate) fn forget(&self) {
        self.cache.invalidate_all();
    }

    /// Remembers what a committed transaction resolved.
    pub(crate) fn remember(&self, resolution: Resolution) {
        for (party, resolved) in resolution.fresh {
            self.cache.insert(party, resolved);
        }
    }

    /// Finds every party's contact and conversation, and makes those that are missing.
    pub(crate) async fn resolve(
        &self,
        ingest: &mut Ingest<'_>,
        parties: HashMap<Party, Option<String>>,
        at: DateTime<Utc>,
    ) -> Result<Resolution, DbError> {
        let mut resolution = Resolution::default();
        let mut unknown = Vec::new();
        for (party, name) in parties {
            let name_print = fingerprint(name.as_deref());
            match self.cache.get(&party) {
                Some(known) if name.is_none() || known.name == name_print => {
                    resolution.all.insert(party, known);
                }
                Some(_) | None => unknown.push((party, name)),
            }
        }
        if unknown.is_empty() {
            return Ok(resolution);
        }
        unknown.sort();
        let contacts = contacts(ingest, &unknown, at).await?;
        let opened = conversations(ingest, &unknown, &contacts, at).await?;
        for (party, name) in unknown {
            let Some(contact) = contacts.get(&party.1).copied() else {
                continue;
            };
            let Some(conversation) = opened.get(&(party.0, contact)).copied() else {
                continue;
            };
            let name = fingerprint(name.as_deref());
            let resolved = Resolved {
                contact,
                conversation,
                name,
            };
            resolution.all.insert(party.clone(), resolved);
            resolution.fresh.push((party, resolved));
        }
        Ok(resolution)
    }
}

impl Resolver {
    /// Finds the contacts of persons who are only mentioned, and makes those that are missing.
    pub(crate) async fn contacts(
        &self,
        ingest: &mut Ingest<'_>,
        parties: HashMap<Party, Option<String>>,
        at: DateTime<Utc>,
    ) -> Result<HashMap<Person, ContactId>, DbError> {
        let mut unknown: Vec<_> = parties.into_iter().collect();
        if unknown.is_empty() {
            return Ok(HashMap::new());
        }
        unknown.sort();
        contacts(ingest, &unknown, at).await
    }
}

/// The contact of a person whose identities are partly known: the phone's first.
fn known_contact(person: &Person, known: &HashMap<Identity, ContactId>) -> Option<ContactId> {
    person
        .identities()
        .find_map(|identity| known.get(&identity).copied())
}

async fn known_identities(
    ingest: &mut Ingest<'_>,
    identities: &[Identity],
) -> Result<HashMap<Identity, ContactId>, DbError> {
    Ok(ingest
        .find_identities(identities)
        .await?
        .into_iter()
        .collect())
}

async fn contacts(
    ingest: &mut Ingest<'_>,
    unknown: &[(Party, Option<String>)],
    at: DateTime<Utc>,
) -> Result<HashMap<Person, ContactId>, DbError> {
    let identities: Vec<Identity> = unknown.iter().flat_map(|(p, _)| p.1.identities()).collect();
    let mut known = known_identities(ingest, &identities).await?;
    let mut contacts = HashMap::new();
    let mut claims = Vec::new();
    let mut proposed = HashSet::new();
    // Who shows both ids comes first: whoever shows one of them in the same batch is the same person.
    let mut persons: Vec<&Person> = unknown.iter().map(|((_, person), _)| person).collect();
    persons.sort_by_key(|person| std::cmp::Reverse(person.identities().count()));
    for person in persons {
        if contacts.contains_key(person) {
            continue;
        }
        let contact = known_contact(person, &known).unwrap_or_else(|| {
            let contact = ContactId::new(at);
            proposed.insert(contact);
            contact
        });
        for identity in person.identities() {
            if let Entry::Vacant(unclaimed) = known.entry(identity.clone()) {
                unclaimed.insert(contact);
                claims.push((identity, contact));
            }
        }
        contacts.insert(person.clone(), contact);
    }
    let won: HashSet<ContactId> = ingest
        .claim_identities(&claims, at)
        .await?
        .into_iter()
        .collect();
    if proposed.iter().any(|contact| !won.contains(contact)) {
        // Somebody else made this person first: take theirs.
        known = known_identities(ingest, &identities).await?;
        for (person, contact) in &mut contacts {
            if proposed.contains(contact) && !won.contains(contact) {
                *contact = known_contact(person, &known).unwrap_or(*contact);
            }
        }
    }
    let mut rows: Vec<ContactRow> = unknown
        .iter()
        .filter_map(|((_, person), name)| {
            let id = *contacts.get(person)?;
            let is_new = proposed.contains(&id);
            (is_new || name.is_some()).then(|| ContactRow {
                organization: person.organization,
                id,
                profile_name: name.clone().unwrap_or_default(),
            })
        })
        .collect();
    // The first row of a contact counts: prefer one that has a name.
    rows.sort_by_key(|row| row.profile_name.is_empty());
    ingest.save_contacts(&rows, at).await?;
    Ok(contacts)
}

async fn conversations(
    ingest: &mut Ingest<'_>,
    unknown: &[(Party, Option<String>)],
    contacts: &HashMap<Person, ContactId>,
    at: DateTime<Utc>,
) -> Result<HashMap<(NumberId, ContactId), ConversationId>, DbError> {
    let wanted: Vec<_> = unknown
        .iter()
        .filter_map(|((number, person), _)| {
            let contact = *contacts.get(person)?;
            Some((
                person.organization,
                *number,
                contact,
                ConversationId::new(at),
            ))
        })
        .collect();
    let opened = ingest.open_conversations(&wanted, at).await?;
    Ok(opened
        .into_iter()
        .map(|(_, number, contact, id)| ((number, contact), id))
        .collect())
}
