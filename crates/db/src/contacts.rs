//! Contacts and the identities they are known by.

use chrono::{DateTime, Utc};
use sb_domain::identity::{IdentityKind, Ids, Observation, match_key};
use sb_ids::{Bsuid, ContactId, ContactMergeId, WaId};
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use crate::identity::changed;
use crate::{
    ContactMerge, DbError, MergeCause, MergeOutcome, MergeRequest, Page, PageRequest, Sighting,
    TenantTx,
};

/// What a person can be addressed by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A phone number, as WhatsApp id.
    Phone(WaId),
    /// A business-scoped user id.
    Bsuid(Bsuid),
}

impl Identity {
    /// The word in the database and in the API.
    pub const fn kind(&self) -> &'static str {
        self.identity_kind().as_str()
    }

    const fn identity_kind(&self) -> IdentityKind {
        match self {
            Self::Phone(_) => IdentityKind::Phone,
            Self::Bsuid(_) => IdentityKind::Bsuid,
        }
    }

    fn ids(&self) -> Ids {
        let value = Some(self.value().to_owned());
        match self {
            Self::Phone(_) => Ids {
                phone: value,
                ..Ids::default()
            },
            Self::Bsuid(_) => Ids {
                bsuid: value,
                ..Ids::default()
            },
        }
    }

    /// The id itself. Personal.
    pub fn value(&self) -> &str {
        match self {
            Self::Phone(id) => id.as_str(),
            Self::Bsuid(id) => id.as_str(),
        }
    }
}

/// An identity as stored: also those that nobody can be addressed by.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct StoredIdentity {
    /// `phone`, `bsuid`, `parent_bsuid`, `username` or `group`.
    pub kind: String,
    /// The id itself. Personal.
    pub value: String,
    /// The earliest time at which it is known to be the contact's.
    pub valid_from: DateTime<Utc>,
    /// Since when it is not any more.
    pub valid_until: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for StoredIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}(…{})", self.kind, self.value.len())
    }
}

/// A person who talks to the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// What the organization calls the person; the profile name until somebody changes it.
    pub name: String,
    /// What the person calls itself on WhatsApp.
    pub profile_name: String,
    /// A group, not a person.
    pub is_group: bool,
    /// The contact that stands for this one: both are one person.
    pub merged_into: Option<ContactId>,
    /// What the person is known by now, and was before.
    pub identities: Vec<StoredIdentity>,
    /// When the person first appeared.
    pub created_at: DateTime<Utc>,
    /// When the contact was last changed.
    pub updated_at: DateTime<Utc>,
}

struct ContactRow {
    id: Uuid,
    name: String,
    profile_name: String,
    kind: String,
    merged_into: Option<Uuid>,
    identities: Json<Vec<StoredIdentity>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<ContactRow> for Contact {
    fn from(row: ContactRow) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            profile_name: row.profile_name,
            is_group: row.kind == "group",
            merged_into: row.merged_into.map(ContactId::from),
            identities: row.identities.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

macro_rules! contacts {
    ($before:tt $after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ContactRow,
            $before
                + r#" contacts.id, contacts.name, contacts.profile_name, contacts.kind, contacts.merged_into,
                    contacts.created_at, contacts.updated_at,
                    (SELECT coalesce(json_agg(json_build_object('kind', i.kind, 'value', i.value,
                            'valid_from', i.valid_from, 'valid_until', i.valid_until)
                        ORDER BY i.valid_until DESC NULLS FIRST, i.kind, i.value), '[]')
                     FROM contact_identities i
                     WHERE i.organization_id = contacts.organization_id AND i.contact_id = contacts.id) AS "identities!: Json<Vec<StoredIdentity>>" "#
                + $after,
            $($argument),*
        )
    };
}

/// The contacts of one organization.
#[derive(Debug)]
pub struct Contacts<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's contacts.
    pub const fn contacts(&mut self) -> Contacts<'_> {
        Contacts(self)
    }
}

impl Contacts<'_> {
    /// Finds one.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(&mut self, id: ContactId) -> Result<Option<Contact>, DbError> {
        let row = contacts!(
            "SELECT"
            "FROM contacts WHERE organization_id = $1 AND id = $2",
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("contacts.find"))?;
        Ok(row.map(Contact::from))
    }

    /// Lists them, latest first; with an identity, only who has it now. Those that others stand for are left out.
    ///
    /// # Errors
    /// A query error.
    pub async fn list(
        &mut self,
        identity: Option<&Identity>,
        request: PageRequest<ContactId>,
    ) -> Result<Page<Contact, ContactId>, DbError> {
        let rows = contacts!(
            "SELECT"
            "
            FROM contacts
            WHERE organization_id = $1
                AND merged_into IS NULL
                AND ($2::uuid IS NULL OR id < $2)
                AND ($3::text IS NULL OR id IN (
                    SELECT i.contact_id FROM contact_identities i
                    WHERE i.organization_id = $1 AND i.kind = $3 AND i.match_key = $4 AND i.valid_until IS NULL))
            ORDER BY id DESC
            LIMIT $5",
            self.0.organization().as_uuid(),
            request.after.map(Uuid::from),
            identity.map(Identity::kind),
            identity.map(|id| match_key(id.identity_kind(), id.value()).into_owned()),
            request.probe(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("contacts.list"))?;
        let items = rows.into_iter().map(Contact::from).collect();
        Ok(request.page(items, |contact: &Contact| contact.id))
    }

    /// Gives one another name.
    ///
    /// # Errors
    /// A query error.
    pub async fn update_name(
        &mut self,
        id: ContactId,
        name: &str,
        at: DateTime<Utc>,
    ) -> Result<Option<Contact>, DbError> {
        let row = contacts!(
            "
            UPDATE contacts
            SET name = $3, updated_at = $4
            WHERE organization_id = $1 AND id = $2
            RETURNING"
            "",
            self.0.organization().as_uuid(),
            id.as_uuid(),
            name,
            at,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("contacts.update_name"))?;
        if row.is_some() {
            let event = changed((self.0.organization(), id), "name", at);
            self.0.outbox().append(&event, at).await?;
        }
        Ok(row.map(Contact::from))
    }

    /// Makes two contacts one person, because somebody says so. May be repeated.
    ///
    /// # Errors
    /// A query error.
    pub async fn merge(
        &mut self,
        winner: ContactId,
        loser: ContactId,
        (actor, at): (&str, DateTime<Utc>),
    ) -> Result<MergeOutcome, DbError> {
        let request = MergeRequest {
            winner,
            loser,
            cause: MergeCause::Request,
            actor,
        };
        let organization = self.0.organization();
        self.0.identities().merge(organization, &request, at).await
    }

    /// Undoes the merge that made a contact part of another; `None` when it is not. May be repeated.
    ///
    /// # Errors
    /// A query error.
    pub async fn unmerge(
        &mut self,
        loser: ContactId,
        (actor, at): (&str, DateTime<Utc>),
    ) -> Result<Option<ContactMerge>, DbError> {
        let organization = self.0.organization();
        let by = (actor, at);
        self.0.identities().unmerge(organization, loser, by).await
    }

    /// The merges that a contact is part of, undone ones as well, the latest first.
    ///
    /// # Errors
    /// A query error.
    pub async fn merges(
        &mut self,
        contact: ContactId,
        request: PageRequest<ContactMergeId>,
    ) -> Result<Page<ContactMerge, ContactMergeId>, DbError> {
        let organization = self.0.organization();
        let part = (request.after, request.probe());
        let items = self
            .0
            .identities()
            .list_merges(organization, contact, part)
            .await?;
        Ok(request.page(items, |merge: &ContactMerge| merge.id))
    }

    /// The contact who has an identity now; made when nobody has it. Two callers at once get the same one: the
    /// identity is unique, and only who inserts it makes the contact.
    ///
    /// # Errors
    /// A query error, or [`DbError::Missing`] when the identity is given away faster than it can be read.
    pub(crate) async fn find_or_insert(
        &mut self,
        identity: &Identity,
        at: DateTime<Utc>,
    ) -> Result<ContactId, DbError> {
        let organization = self.0.organization();
        // One after another: callers at once would each wait for the row of the identity that the other holds.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(format!(
                "{organization} {} {}",
                identity.kind(),
                identity.value()
            ))
            .execute(self.0.connection())
            .await
            .map_err(DbError::of("contact_identities.lock"))?;
        let wanted = Sighting {
            organization,
            observation: Observation {
                ids: identity.ids(),
                becomes: None,
                also: None,
                at,
                is_metas: false,
                makes_contact: true,
            },
        };
        let sighted = self.0.identities().observe(&[wanted], at).await?;
        let person = sighted.people.first().copied().flatten();
        let contact = person
            .map(|person| person.contact)
            .ok_or(DbError::Missing {
                table: "contact_identities",
                id: organization.as_uuid(),
            })?;
        if sighted.created.contains(&contact) {
            sqlx::query!(
                "INSERT INTO contacts (organization_id, id, created_at, updated_at) VALUES ($1, $2, $3, $3)",
                organization.as_uuid(),
                contact.as_uuid(),
                at,
            )
            .execute(self.0.connection())
            .await
            .map_err(DbError::of("contacts.insert"))?;
        }
        Ok(contact)
    }
}
