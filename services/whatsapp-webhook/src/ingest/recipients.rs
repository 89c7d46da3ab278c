//! Who statuses are about: they show ids of one person together that were not known to be one person's.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sb_db::ingest::{Ingest, Person};
use sb_db::{DbError, Sighting};
use sb_domain::identity::Observation;

use super::plan::Reported;
use super::resolve::Resolver;
use super::store::Addressee;

/// Records whom the statuses show, and returns whom to remember once that is committed. Nobody becomes a contact by
/// a status. Whoever was seen in statuses lately costs nothing.
pub(crate) async fn observe(
    ingest: &mut Ingest<'_>,
    resolver: &Resolver,
    reported: &[Addressee<'_, Reported>],
    now: DateTime<Utc>,
) -> Result<Vec<Person>, DbError> {
    let mut new: HashSet<Person> = HashSet::new();
    let mut sightings = Vec::new();
    for status in reported {
        let Some(ids) = status.update.recipient_ids.as_deref() else {
            continue;
        };
        let person = Person {
            organization: status.route.organization,
            ids: ids.clone(),
            becomes: None,
        };
        if resolver.knows_recipient(&person) || !new.insert(person.clone()) {
            continue;
        }
        sightings.push(Sighting {
            organization: person.organization,
            observation: Observation {
                ids: person.ids,
                becomes: None,
                also: None,
                at: status.update.at.min(now),
                is_metas: true,
                makes_contact: false,
            },
        });
    }
    if sightings.is_empty() {
        return Ok(Vec::new());
    }
    ingest.identities().observe(&sightings, now).await?;
    Ok(new.into_iter().collect())
}
