//! Claiming the heads of conversations.

use chrono::{DateTime, Utc};
use sb_ids::{Bsuid, GroupId, MessageId, NumberId, OrganizationId, PhoneNumberId, WaId};
use serde_json::Value;
use uuid::Uuid;

use super::{ConversationKey, Dispatch, OutgoingRef, column};
use crate::DbError;

/// Where a contact is reached: by phone number if it is known, else by business-scoped user id; a group by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A phone number.
    Phone(WaId),
    /// A business-scoped user id.
    Bsuid(Bsuid),
    /// A group.
    Group(GroupId),
}

/// What sending from a number needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendingNumber {
    /// Our row.
    pub id: NumberId,
    /// Meta's id; `None` when what is stored is not one.
    pub phone_number_id: Option<PhoneNumberId>,
    /// Meta's access token, sealed for this row.
    pub access_token_sealed: Option<Vec<u8>>,
    /// Messages a second, where they differ from the installation's default.
    pub rate_per_second: Option<u32>,
    /// Meta refused the token, and no new one was stored since.
    pub is_token_rejected: bool,
}

/// A message that this process alone may send now.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedMessage {
    /// The row.
    pub outgoing: OutgoingRef,
    /// What it says, as stored.
    pub content: Value,
    /// The template that goes in its place when the customer service window is closed, as stored.
    pub fallback: Option<Value>,
    /// An agent wrote it, and a person took over since.
    pub is_agent_paused: bool,
    /// An agent wrote it, and Meta gave the conversation to somebody else since.
    pub is_handed_over: bool,
    /// Which attempt this is, from 1. Whoever records the outcome gives it back.
    pub attempt: i32,
    /// Since when it could have been sent.
    pub due_since: DateTime<Utc>,
    /// After that it must not be sent any more.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the contact last wrote, which opens the customer service window.
    pub last_incoming_at: Option<DateTime<Utc>>,
    /// Where it goes; `None` when the contact has no address that can be written to.
    pub address: Option<Address>,
    /// Who sends it.
    pub number: SendingNumber,
    /// More of the conversation waits behind it.
    pub has_more: bool,
}

struct ClaimedRow {
    organization_id: Uuid,
    id: Uuid,
    conversation_id: Uuid,
    contact_id: Uuid,
    number_id: Uuid,
    sequence: i64,
    content: Value,
    fallback: Option<Value>,
    is_agent_paused: bool,
    is_handed_over: bool,
    attempts: i32,
    due_since: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_incoming_at: Option<DateTime<Utc>>,
    address_kind: Option<String>,
    address: Option<String>,
    phone_number_id: String,
    access_token_sealed: Option<Vec<u8>>,
    rate_per_second: Option<i32>,
    token_rejected_at: Option<DateTime<Utc>>,
    has_more: bool,
}

fn address(kind: Option<&str>, value: Option<String>) -> Option<Address> {
    let value = value?;
    match kind {
        Some("phone") => WaId::parse(value).ok().map(Address::Phone),
        Some("group") => GroupId::parse(value).ok().map(Address::Group),
        _ => Bsuid::parse(value).ok().map(Address::Bsuid),
    }
}

impl ClaimedRow {
    fn read(self) -> ClaimedMessage {
        ClaimedMessage {
            outgoing: OutgoingRef {
                organization: self.organization_id.into(),
                message: self.id.into(),
                conversation: self.conversation_id.into(),
                contact: self.contact_id.into(),
                number: self.number_id.into(),
                sequence: self.sequence,
            },
            content: self.content,
            fallback: self.fallback,
            is_agent_paused: self.is_agent_paused,
            is_handed_over: self.is_handed_over,
            attempt: self.attempts,
            due_since: self.due_since,
            expires_at: self.expires_at,
            last_incoming_at: self.last_incoming_at,
            address: address(self.address_kind.as_deref(), self.address),
            number: SendingNumber {
                id: self.number_id.into(),
                phone_number_id: PhoneNumberId::parse(self.phone_number_id).ok(),
                access_token_sealed: self.access_token_sealed,
                rate_per_second: self
                    .rate_per_second
                    .and_then(|rate| u32::try_from(rate).ok()),
                is_token_rejected: self.token_rejected_at.is_some(),
            },
            has_more: self.has_more,
        }
    }
}

impl Dispatch<'_> {
    /// Claims the head of each conversation that has one which is due at `at`. A claimed row that nobody
    /// records an outcome for counts as lost from `stale_at`.
    ///
    /// Two callers never get the same row: a head that somebody else holds is left out, and so is its
    /// conversation. While a number's token is refused only what has expired is claimed, to be failed.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn claim(
        &mut self,
        conversations: &[ConversationKey],
        at: DateTime<Utc>,
        stale_at: DateTime<Utc>,
    ) -> Result<Vec<ClaimedMessage>, DbError> {
        sqlx::query_file_as!(
            ClaimedRow,
            "src/dispatch/claim.sql",
            &column(conversations, |c| c.organization.as_uuid()),
            &column(conversations, |c| c.conversation.as_uuid()),
            at,
            stale_at,
        )
        .fetch_all(self.0.connection())
        .await
        .map(|rows| rows.into_iter().map(ClaimedRow::read).collect())
        .map_err(DbError::of("messages.claim"))
    }

    /// Which of these claims took effect: those whose row still is as [`Self::claim`] left it at `at`. For
    /// when the answer to the commit was lost.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn confirm_claims(
        &mut self,
        claims: &[ClaimedMessage],
        at: DateTime<Utc>,
    ) -> Result<Vec<MessageId>, DbError> {
        let ids = sqlx::query_scalar!(
            r#"
            SELECT m.id
            FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS w (o, i, attempt)
            JOIN messages m ON m.organization_id = w.o AND m.id = w.i
            WHERE m.state = 'sending' AND m.attempts = w.attempt AND m.sending_at = $4
            "#,
            &column(claims, |c| c.outgoing.organization.as_uuid()),
            &column(claims, |c| c.outgoing.message.as_uuid()),
            &column(claims, |c| c.attempt),
            at,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.confirm_claims"))?;
        Ok(ids.into_iter().map(MessageId::from).collect())
    }

    /// What calls in the name of a number need.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn find_sending_number(
        &mut self,
        organization: OrganizationId,
        id: NumberId,
    ) -> Result<Option<SendingNumber>, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT phone_number_id, access_token_sealed, rate_per_second, token_rejected_at
            FROM numbers
            WHERE organization_id = $1 AND id = $2
            "#,
            organization.as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("numbers.find_for_sending"))?;
        Ok(row.map(|row| SendingNumber {
            id,
            phone_number_id: PhoneNumberId::parse(row.phone_number_id).ok(),
            access_token_sealed: row.access_token_sealed,
            rate_per_second: row
                .rate_per_second
                .and_then(|rate| u32::try_from(rate).ok()),
            is_token_rejected: row.token_rejected_at.is_some(),
        }))
    }
}
