//! Persons and conversations: found, or made by whoever comes first.

use chrono::{DateTime, Utc};
use sb_ids::{ContactId, ConversationId, NumberId, OrganizationId};
use uuid::Uuid;

use super::Ingest;
use crate::DbError;

/// Kinds of identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityKind {
    /// A WhatsApp id: a phone number in digits.
    Phone,
    /// A business-scoped user id.
    Bsuid,
}

impl IdentityKind {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Bsuid => "bsuid",
        }
    }
}

/// One identity of a person in an organization.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The tenant.
    pub organization: OrganizationId,
    /// What kind of id.
    pub kind: IdentityKind,
    /// The id.
    pub value: String,
}

/// A person as one update shows it: at least one identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// The tenant.
    pub organization: OrganizationId,
    /// The WhatsApp id, when Meta gives it.
    pub wa_id: Option<String>,
    /// The business-scoped id, when Meta gives it.
    pub bsuid: Option<String>,
}

impl Person {
    /// The identities, phone first.
    pub fn identities(&self) -> impl Iterator<Item = Identity> {
        let identity = |kind, value: &Option<String>| {
            value.clone().map(|value| Identity {
                organization: self.organization,
                kind,
                value,
            })
        };
        [
            identity(IdentityKind::Phone, &self.wa_id),
            identity(IdentityKind::Bsuid, &self.bsuid),
        ]
        .into_iter()
        .flatten()
    }
}

/// A contact to be made or renamed.
#[derive(Debug, Clone)]
pub struct ContactRow {
    /// The tenant.
    pub organization: OrganizationId,
    /// The contact.
    pub id: ContactId,
    /// The name on WhatsApp.
    pub profile_name: String,
}

impl Ingest<'_> {
    /// The contacts that currently have these identities.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn find_identities(
        &mut self,
        identities: &[Identity],
    ) -> Result<Vec<(Identity, ContactId)>, DbError> {
        let (organizations, kinds, values) = columns(identities);
        let rows = sqlx::query!(
            r#"
            SELECT w.place AS "place!", i.contact_id
            FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS w (organization_id, kind, value, place)
            JOIN contact_identities i
              ON i.organization_id = w.organization_id AND i.kind = w.kind AND i.value = w.value
             AND i.valid_until IS NULL
            "#,
            &organizations,
            &kinds,
            &values,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("contact_identities.find"))?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let place = usize::try_from(row.place).ok()?.checked_sub(1)?;
                Some((identities.get(place)?.clone(), row.contact_id.into()))
            })
            .collect())
    }

    /// Gives identities to contacts, unless somebody has them; returns the places of those given.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn claim_identities(
        &mut self,
        claims: &[(Identity, ContactId)],
        at: DateTime<Utc>,
    ) -> Result<Vec<ContactId>, DbError> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let mut sorted: Vec<&(Identity, ContactId)> = claims.iter().collect();
        sorted.sort();
        let organizations: Vec<Uuid> = sorted
            .iter()
            .map(|(i, _)| i.organization.as_uuid())
            .collect();
        let kinds: Vec<String> = sorted
            .iter()
            .map(|(i, _)| i.kind.as_str().to_owned())
            .collect();
        let values: Vec<String> = sorted.iter().map(|(i, _)| i.value.clone()).collect();
        let contacts: Vec<Uuid> = sorted.iter().map(|(_, c)| c.as_uuid()).collect();
        let won = sqlx::query_scalar!(
            r#"
            INSERT INTO contact_identities (organization_id, kind, value, contact_id, valid_from)
            SELECT o, k, v, c, $5
            FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[]) AS n (o, k, v, c)
            ON CONFLICT (organization_id, kind, value) WHERE valid_until IS NULL DO NOTHING
            RETURNING contact_id
            "#,
            &organizations,
            &kinds,
            &values,
            &contacts,
            at,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("contact_identities.claim"))?;
        Ok(won.into_iter().map(ContactId::from).collect())
    }

    /// Makes contacts, and gives those that exist the name their person has on WhatsApp now. The name a
    /// tenant chose is kept.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn save_contacts(
        &mut self,
        contacts: &[ContactRow],
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        if contacts.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<&ContactRow> = contacts.iter().collect();
        sorted.sort_by_key(|c| (c.organization, c.id));
        sorted.dedup_by_key(|c| (c.organization, c.id));
        let organizations: Vec<Uuid> = sorted.iter().map(|c| c.organization.as_uuid()).collect();
        let ids: Vec<Uuid> = sorted.iter().map(|c| c.id.as_uuid()).collect();
        let names: Vec<String> = sorted.iter().map(|c| c.profile_name.clone()).collect();
        sqlx::query!(
            r#"
            INSERT INTO contacts AS c (organization_id, id, name, profile_name, created_at, updated_at)
            SELECT o, i, n, n, $4, $4
            FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS w (o, i, n)
            ON CONFLICT (organization_id, id) DO UPDATE
            SET name = CASE WHEN c.name = c.profile_name THEN excluded.profile_name ELSE c.name END,
                profile_name = excluded.profile_name,
                updated_at = excluded.updated_at
            WHERE c.profile_name <> excluded.profile_name AND excluded.profile_name <> ''
            "#,
            &organizations,
            &ids,
            &names,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("contacts.save"))
    }

    /// The conversations between numbers and contacts; those that are missing are made with the given ids.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn open_conversations(
        &mut self,
        wanted: &[(OrganizationId, NumberId, ContactId, ConversationId)],
        at: DateTime<Utc>,
    ) -> Result<Vec<(OrganizationId, NumberId, ContactId, ConversationId)>, DbError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut sorted: Vec<_> = wanted.iter().collect();
        sorted.sort();
        let organizations: Vec<Uuid> = sorted.iter().map(|w| w.0.as_uuid()).collect();
        let numbers: Vec<Uuid> = sorted.iter().map(|w| w.1.as_uuid()).collect();
        let contacts: Vec<Uuid> = sorted.iter().map(|w| w.2.as_uuid()).collect();
        let ids: Vec<Uuid> = sorted.iter().map(|w| w.3.as_uuid()).collect();
        sqlx::query!(
            r#"
            INSERT INTO conversations (organization_id, id, number_id, contact_id, active_at, created_at)
            SELECT o, i, n, c, $5, $5
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[]) AS w (o, i, n, c)
            ON CONFLICT (organization_id, number_id, contact_id) DO NOTHING
            "#,
            &organizations,
            &ids,
            &numbers,
            &contacts,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("conversations.open"))?;
        let rows = sqlx::query!(
            r#"
            SELECT c.organization_id, c.number_id, c.contact_id, c.id
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (o, n, p)
            JOIN conversations c ON c.organization_id = w.o AND c.number_id = w.n AND c.contact_id = w.p
            "#,
            &organizations,
            &numbers,
            &contacts,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("conversations.find"))?;
        Ok(rows
            .into_iter()
            .map(|r| {
                (
                    r.organization_id.into(),
                    r.number_id.into(),
                    r.contact_id.into(),
                    r.id.into(),
                )
            })
            .collect())
    }
}

fn columns(identities: &[Identity]) -> (Vec<Uuid>, Vec<String>, Vec<String>) {
    let organizations = identities
        .iter()
        .map(|i| i.organization.as_uuid())
        .collect();
    let kinds = identities
        .iter()
        .map(|i| i.kind.as_str().to_owned())
        .collect();
    let values = identities.iter().map(|i| i.value.clone()).collect();
    (organizations, kinds, values)
}
