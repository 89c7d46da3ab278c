//! Contacts and the identities they are known by.

use chrono::{DateTime, Utc};
use sb_ids::{Bsuid, ContactId, WaId};
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{DbError, Page, PageRequest, TenantTx};

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
        match self {
            Self::Phone(_) => "phone",
            Self::Bsuid(_) => "bsuid",
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
    /// `phone`, `bsuid`, `parent_bsuid` or `username`.
    pub kind: String,
    /// The id itself. Personal.
    pub value: String,
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
    /// What the person is known by now.
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
                + r#" contacts.id, contacts.name, contacts.profile_name, contacts.created_at, contacts.updated_at,
                    (SELECT coalesce(json_agg(json_build_object('kind', i.kind, 'value', i.value) ORDER BY i.kind, i.value), '[]')
                     FROM contact_identities i
                     WHERE i.organization_id = contacts.organization_id AND i.contact_id = contacts.id
                        AND i.valid_until IS NULL) AS "identities!: Json<Vec<StoredIdentity>>" "#
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

    /// Lists them, latest first; with an identity, only who has it now.
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
                AND ($2::uuid IS NULL OR id < $2)
                AND ($3::text IS NULL OR id IN (
                    SELECT i.contact_id FROM contact_identities i
                    WHERE i.organization_id = $1 AND i.kind = $3 AND i.value = $4 AND i.valid_until IS NULL))
            ORDER BY id DESC
            LIMIT $5",
            self.0.organization().as_uuid(),
            request.after.map(Uuid::from),
            identity.map(Identity::kind),
            identity.map(Identity::value),
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
        Ok(row.map(Contact::from))
    }

    /// The contact who has an identity now; made when nobody has it. Two callers at once get the same one: the
    /// identity is unique, and only who inserts it makes the contact.
    ///
    /// # Errors
    /// A query error, or [`DbError::Missing`] when the identity was taken away at the same instant.
    pub(crate) async fn find_or_insert(
        &mut self,
        identity: &Identity,
        at: DateTime<Utc>,
    ) -> Result<ContactId, DbError> {
        if let Some(id) = self.find_id(identity).await? {
            return Ok(id);
        }
        let id = ContactId::new(at);
        let won = sqlx::query!(
            r#"
            INSERT INTO contact_identities (organization_id, contact_id, kind, value, valid_from)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (organization_id, kind, value) WHERE valid_until IS NULL DO NOTHING
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
            identity.kind(),
            identity.value(),
            at,
        )
        .execute(self.0.connection())
        .await
        .map_err(DbError::of("contact_identities.insert"))?;
        if won.rows_affected() == 0 {
            return self.find_id(identity).await?.ok_or(DbError::Missing {
                table: "contact_identities",
                id: id.as_uuid(),
            });
        }
        sqlx::query!(
            "INSERT INTO contacts (organization_id, id, created_at, updated_at) VALUES ($1, $2, $3, $3)",
            self.0.organization().as_uuid(),
            id.as_uuid(),
            at,
        )
        .execute(self.0.connection())
        .await
        .map_err(DbError::of("contacts.insert"))?;
        Ok(id)
    }

    async fn find_id(&mut self, identity: &Identity) -> Result<Option<ContactId>, DbError> {
        sqlx::query_scalar!(
            r#"
            SELECT contact_id FROM contact_identities
            WHERE organization_id = $1 AND kind = $2 AND value = $3 AND valid_until IS NULL
            "#,
            self.0.organization().as_uuid(),
            identity.kind(),
            identity.value(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map(|found| found.map(ContactId::from_uuid))
        .map_err(DbError::of("contact_identities.find"))
    }
}
