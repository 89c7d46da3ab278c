//! Signals of calls, each once.

use chrono::{DateTime, Utc};
use sb_ids::{ContactId, ConversationId, NumberId, OrganizationId};
use uuid::Uuid;

use super::Ingest;
use crate::DbError;

/// A signal of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCallSignal {
    /// The tenant.
    pub organization: OrganizationId,
    /// The kept update's.
    pub id: Uuid,
    /// Meta's id of the call.
    pub call_id: String,
    /// Our number.
    pub number: NumberId,
    /// The other side and the conversation with it, when Meta names somebody.
    pub party: Option<(ContactId, ConversationId)>,
    /// `connect`, `terminate`, `ringing`, …
    pub signal: String,
    /// `USER_INITIATED`, `BUSINESS_INITIATED`, or empty.
    pub direction: String,
    /// Meta's timestamp.
    pub signalled_at: DateTime<Utc>,
    /// The signal as JSON, without NUL characters.
    pub payload_json: String,
    /// When the post arrived.
    pub received_at: DateTime<Utc>,
}

impl Ingest<'_> {
    /// Stores a signal; one that is there is left alone.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn insert_call_signal(&mut self, new: &NewCallSignal) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            INSERT INTO call_signals (
                organization_id, id, call_id, number_id, contact_id, conversation_id, signal, direction,
                signalled_at, payload, received_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb, $11)
            ON CONFLICT (organization_id, id) DO NOTHING
            "#,
            new.organization.as_uuid(),
            new.id,
            new.call_id,
            new.number.as_uuid(),
            new.party.map(|(contact, _)| contact.as_uuid()),
            new.party.map(|(_, conversation)| conversation.as_uuid()),
            new.signal,
            new.direction,
            new.signalled_at,
            new.payload_json,
            new.received_at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("call_signals.insert"))
    }
}
