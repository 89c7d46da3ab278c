//! Who is who, as rows: what updates show of people becomes identities of contacts, and contacts that turn out to be
//! one person are merged. The rules are [`sb_domain::identity`]'s.
//!
//! **Invariant:** an open identity is one contact's (a unique key), and that contact is not merged into another.
//! **Invariant:** whatever takes an identity from a contact raises `link_version` of the contact's conversations in
//! the same transaction, so that nobody goes on writing where the identity led before.
//! **Invariant:** a merge, its journal, its audit line and its event commit together.

mod journal;
mod merge;
mod store;
mod threads;
mod undo;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sb_domain::identity::{Changes, Graph, Link, Observation, Resolved};
use sb_events::proto::contact::v1::ContactChanged;
use sb_events::{Addressed, Event, Origin, Topology, meta};
use sb_ids::{ContactId, EventId, OrganizationId};
use sqlx::PgConnection;

use crate::{DbError, SystemTx, TenantTx, outbox};

pub use journal::{ContactMerge, MergeCause};
pub use merge::{MergeOutcome, MergeRequest};

/// Others may make the same people at the same time; each time one of them wins.
const TRIES: usize = 10;

/// An observation, and in whose portfolio it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The tenant.
    pub organization: OrganizationId,
    /// What was seen.
    pub observation: Observation,
}

/// What sightings came to.
#[derive(Debug, Default)]
pub struct Sighted {
    /// Whom each is of; `None` for strangers that become no contacts.
    pub people: Vec<Option<Resolved>>,
    /// Contacts without a row yet: whoever asked makes them, in the same transaction.
    pub created: BTreeSet<ContactId>,
}

/// The identities of contacts, in a transaction.
#[derive(Debug)]
pub struct Identities<'t> {
    connection: &'t mut PgConnection,
    topology: &'t Topology,
}

impl SystemTx {
    /// The identities of all tenants' contacts.
    pub fn identities(&mut self) -> Identities<'_> {
        let (connection, topology) = self.parts();
        Identities::new(connection, topology)
    }
}

impl TenantTx {
    pub(crate) fn identities(&mut self) -> Identities<'_> {
        let (connection, topology) = self.parts();
        Identities::new(connection, topology)
    }
}

type ByOrganization<T> = BTreeMap<OrganizationId, T>;

/// What the rules make of sightings.
struct Judged {
    people: Vec<Option<Resolved>>,
    changes: ByOrganization<Changes>,
}

/// Applies sightings to what is known: in the order of time, whatever the order of the batch.
fn judge(
    sightings: &[Sighting],
    links: ByOrganization<Vec<Link>>,
    apart: &[(OrganizationId, ContactId, ContactId)],
    now: DateTime<Utc>,
) -> Judged {
    let mut graphs: ByOrganization<Graph> = links
        .into_iter()
        .map(|(organization, links)| (organization, Graph::new(links)))
        .collect();
    for (organization, one, other) in apart {
        graphs
            .entry(*organization)
            .or_default()
            .keep_apart(*one, *other);
    }
    let mut order: Vec<(usize, &Sighting)> = sightings.iter().enumerate().collect();
    order.sort_by_key(|(_, sighting)| sighting.observation.at);
    let mut found: HashMap<usize, Resolved> = HashMap::with_capacity(sightings.len());
    for (place, sighting) in order {
        let graph = graphs.entry(sighting.organization).or_default();
        let person = graph.observe(&sighting.observation, || ContactId::new(now));
        found.extend(person.map(|person| (place, person)));
    }
    let people = sightings.iter().enumerate().map(|(place, sighting)| {
        let person = found.get(&place)?;
        let graph = graphs.get(&sighting.organization)?;
        Some(Resolved {
            contact: graph.root(person.contact),
            ..*person
        })
    });
    let people = people.collect();
    let changes = graphs
        .into_iter()
        .map(|(organization, graph)| (organization, graph.into_changes()))
        .filter(|(_, changes)| !changes.is_empty())
        .collect();
    Judged { people, changes }
}

impl<'t> Identities<'t> {
    pub(crate) const fn new(connection: &'t mut PgConnection, topology: &'t Topology) -> Self {
        Self {
            connection,
            topology,
        }
    }

    /// Finds whom sightings are of, and records what they show. May be repeated: what is known changes nothing.
    ///
    /// # Errors
    /// [`DbError::Query`], [`DbError::Event`].
    pub async fn observe(
        &mut self,
        sightings: &[Sighting],
        now: DateTime<Utc>,
    ) -> Result<Sighted, DbError> {
        if sightings.is_empty() {
            return Ok(Sighted::default());
        }
        let mut touched: BTreeSet<(OrganizationId, ContactId)> = BTreeSet::new();
        let mut left: BTreeSet<(OrganizationId, ContactId)> = BTreeSet::new();
        for _ in 0..TRIES {
            let links = self.load(sightings).await?;
            let mut judged = judge(sightings, links.clone(), &[], now);
            if judged
                .changes
                .values()
                .any(|changes| !changes.merges.is_empty())
            {
                let apart = self.separated(&judged.changes).await?;
                if !apart.is_empty() {
                    judged = judge(sightings, links, &apart, now);
                }
            }
            for (organization, changes) in &judged.changes {
                touched.extend(changes.changed.iter().map(|c| (*organization, *c)));
                left.extend(changes.left.iter().map(|c| (*organization, *c)));
            }
            if !self.save(&judged.changes).await? {
                continue;
            }
            let created = judged
                .changes
                .values()
                .flat_map(|c| c.created.iter().copied());
            let created = created.collect();
            self.leave(&left).await?;
            self.merge_all(&judged.changes, now).await?;
            self.announce(&touched, now).await?;
            return Ok(Sighted {
                people: judged.people,
                created,
            });
        }
        let (organization, contact) = touched.first().copied().unwrap_or_else(|| {
            let organization = sightings.first().map(|sighting| sighting.organization);
            (
                organization.unwrap_or_else(|| OrganizationId::new(now)),
                ContactId::new(now),
            )
        });
        tracing::error!(organization.id = %organization, "identities change faster than they can be read");
        Err(DbError::Missing {
            table: "contact_identities",
            id: contact.as_uuid(),
        })
    }

    async fn merge_all(
        &mut self,
        changes: &ByOrganization<Changes>,
        now: DateTime<Utc>,
    ) -> Result<(), DbError> {
        for (organization, changes) in changes {
            for (winner, loser) in &changes.merges {
                let request = MergeRequest {
                    winner: *winner,
                    loser: *loser,
                    cause: MergeCause::Rule,
                    actor: "rules",
                };
                self.merge(*organization, &request, now).await?;
            }
        }
        Ok(())
    }

    async fn announce(
        &mut self,
        touched: &BTreeSet<(OrganizationId, ContactId)>,
        now: DateTime<Utc>,
    ) -> Result<(), DbError> {
        if touched.is_empty() {
            return Ok(());
        }
        let mut events = Vec::with_capacity(touched.len());
        for (organization, contact) in touched {
            let event = changed((*organization, *contact), "identities", now);
            events.push((*organization, self.address(&event)?));
        }
        outbox::append(self.connection, &events, now).await
    }

    fn address<E: Event>(&self, event: &E) -> Result<Addressed, DbError> {
        Addressed::new(self.topology, event).map_err(DbError::Event)
    }
}

/// What is announced when a contact is another than before. It commits with the change, so its id is its own.
pub(crate) fn changed(
    (organization, contact): (OrganizationId, ContactId),
    what: &str,
    at: DateTime<Utc>,
) -> ContactChanged {
    ContactChanged {
        meta: Some(meta(
            EventId::new(at),
            at,
            organization,
            Origin::start(contact.as_uuid()),
        )),
        contact_id: contact.to_string(),
        changed: vec![what.to_owned()],
    }
}
