//! Persons and conversations: found, or made by whoever comes first.

use chrono::{DateTime, Utc};
use sb_domain::identity::Ids;
use sb_ids::{ContactId, ConversationId, NumberId, OrganizationId};
use uuid::Uuid;

use super::{Ingest, column};
use crate::{DbError, Identities};

/// A person or a group as one update shows it: at least one id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// The tenant.
    pub organization: OrganizationId,
    /// The ids.
    pub ids: Ids,
    /// The ids that take their place, when the update says so.
    pub becomes: Option<Box<Ids>>,
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
    /// A group, not a person.
    pub is_group: bool,
}

/// A conversation that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedConversation {
    /// The tenant.
    pub organization: OrganizationId,
    /// Our side.
    pub number: NumberId,
    /// The other side.
    pub contact: ContactId,
    /// Its id, if there is none yet.
    pub id: ConversationId,
    /// The other side is a group.
    pub is_group: bool,
}

/// A conversation that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenConversation {
    /// Our side.
    pub number: NumberId,
    /// The other side.
    pub contact: ContactId,
    /// The conversation.
    pub id: ConversationId,
    /// Raised when ids lead elsewhere than before.
    pub link_version: i32,
}

impl Ingest<'_> {
    /// Who is who.
    pub const fn identities(&mut self) -> Identities<'_> {
        Identities::new(self.connection, self.topology)
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
        let kinds: Vec<String> = sorted.iter().map(|c| kind(c).to_owned()).collect();
        sqlx::query!(
            r#"
            INSERT INTO contacts AS c (organization_id, id, name, profile_name, kind, created_at, updated_at)
            SELECT o, i, n, n, k, $4, $4
            FROM unnest($1::uuid[], $2::uuid[], $3::text[], $5::text[]) AS w (o, i, n, k)
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
            &kinds,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("contacts.save"))
    }

    /// The conversations between numbers and contacts; those that are missing are made with the given ids. The
    /// contacts are not merged into others: their identities led to them in this transaction.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn open_conversations(
        &mut self,
        wanted: &[WantedConversation],
        at: DateTime<Utc>,
    ) -> Result<Vec<OpenConversation>, DbError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut sorted: Vec<WantedConversation> = wanted.to_vec();
        sorted.sort();
        let organizations = column(&sorted, |w| w.organization.as_uuid());
        let numbers = column(&sorted, |w| w.number.as_uuid());
        let contacts = column(&sorted, |w| w.contact.as_uuid());
        sqlx::query!(
            r#"
            INSERT INTO conversations (organization_id, id, number_id, contact_id, is_group, active_at, created_at)
            SELECT o, i, n, c, g, $6, $6
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::boolean[]) AS w (o, i, n, c, g)
            ON CONFLICT (organization_id, number_id, contact_id) DO NOTHING
            "#,
            &organizations,
            &column(&sorted, |w| w.id.as_uuid()),
            &numbers,
            &contacts,
            &column(&sorted, |w| w.is_group),
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("conversations.open"))?;
        for group in sorted.iter().filter(|w| w.is_group) {
            self.name_groups(group.organization, (&[group.contact.as_uuid()], &[]), at)
                .await?;
        }
        let rows = sqlx::query!(
            r#"
            SELECT c.number_id, c.contact_id, c.id, c.link_version
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
        let opened = rows.into_iter().map(|row| OpenConversation {
            number: row.number_id.into(),
            contact: row.contact_id.into(),
            id: row.id.into(),
            link_version: row.link_version,
        });
        Ok(opened.collect())
    }
}

const fn kind(contact: &ContactRow) -> &'static str {
    if contact.is_group { "group" } else { "person" }
}
