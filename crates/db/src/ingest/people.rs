//! What contacts decide, what the business's own address book calls them, and who answers them.

use chrono::{DateTime, Utc};
use sb_ids::{ContactId, ConversationId, OrganizationId};

use super::Ingest;
use crate::DbError;

/// What a contact decided about a category of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPreference {
    /// The tenant.
    pub organization: OrganizationId,
    /// The contact.
    pub contact: ContactId,
    /// `marketing_messages`.
    pub category: String,
    /// `stop` or `resume`.
    pub value: String,
    /// What the contact was told.
    pub detail: String,
    /// When.
    pub decided_at: DateTime<Utc>,
}

/// A card of the address book on the business's own phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncedCard {
    /// The tenant.
    pub organization: OrganizationId,
    /// The contact.
    pub contact: ContactId,
    /// The name; empty when the card was removed.
    pub name: String,
    /// When it was saved or removed.
    pub at: DateTime<Utc>,
}

/// Who answers in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerChange {
    /// The tenant.
    pub organization: OrganizationId,
    /// The conversation.
    pub conversation: ConversationId,
    /// Whether we do.
    pub is_ours: bool,
    /// Meta's word for the owner's role.
    pub role: String,
    /// Since when.
    pub at: DateTime<Utc>,
}

impl Ingest<'_> {
    /// Records a decision unless a later one is known. Whether it counts.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn save_preference(&mut self, new: &NewPreference) -> Result<bool, DbError> {
        let done = sqlx::query!(
            r#"
            INSERT INTO contact_preferences AS p (organization_id, contact_id, category, value, detail, decided_at)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (organization_id, contact_id, category) DO UPDATE
            SET value = excluded.value, detail = excluded.detail, decided_at = excluded.decided_at
            WHERE p.decided_at <= excluded.decided_at
            "#,
            new.organization.as_uuid(),
            new.contact.as_uuid(),
            new.category,
            new.value,
            new.detail,
            new.decided_at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("contact_preferences.save"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Takes over what the address book says, unless it said something later. The name that a tenant chose is
    /// kept; without a card the person is called as on WhatsApp again.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn save_card(&mut self, card: &SyncedCard) -> Result<bool, DbError> {
        let done = sqlx::query!(
            r#"
            UPDATE contacts
            SET name = CASE
                    WHEN name NOT IN (profile_name, address_book_name, '') THEN name
                    WHEN $3 = '' THEN profile_name
                    ELSE $3 END,
                address_book_name = $3,
                address_book_at = $4,
                updated_at = greatest(updated_at, $4)
            WHERE organization_id = $1 AND id = $2 AND coalesce(address_book_at <= $4, true)
            "#,
            card.organization.as_uuid(),
            card.contact.as_uuid(),
            card.name,
            card.at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("contacts.save_card"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Records who answers, unless a later change is known. Whether it counts.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn change_owner(&mut self, change: &OwnerChange) -> Result<bool, DbError> {
        let done = sqlx::query!(
            r#"
            UPDATE conversations
            SET is_ours = $3, owner_role = $4, owner_at = $5
            WHERE organization_id = $1 AND id = $2 AND coalesce(owner_at <= $5, true)
            "#,
            change.organization.as_uuid(),
            change.conversation.as_uuid(),
            change.is_ours,
            change.role,
            change.at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("conversations.change_owner"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Opens the customer service window without a message: the contact called.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn open_window(
        &mut self,
        organization: OrganizationId,
        conversation: ConversationId,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE conversations
            SET last_incoming_at = greatest(last_incoming_at, $3)
            WHERE organization_id = $1 AND id = $2
            "#,
            organization.as_uuid(),
            conversation.as_uuid(),
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("conversations.open_window"))
    }
}
