//! Finding what is due: scheduled messages, retries, what a lost command left behind, and what a killed
//! dispatcher held.

use chrono::{DateTime, Utc};
use sb_domain::delivery::OnUnknown;
use sb_ids::NumberId;
use uuid::Uuid;

use super::{ConversationKey, Dispatch, OutgoingRef};
use crate::DbError;

/// A message whose dispatcher never said what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostMessage {
    /// The message.
    pub outgoing: OutgoingRef,
    /// The attempt that was lost.
    pub attempt: i32,
    /// When that attempt was claimed.
    pub sending_at: Option<DateTime<Utc>>,
}

/// A message of which nobody knows whether Meta has it, and what was done about that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettledUnknown {
    /// The message.
    pub outgoing: OutgoingRef,
    /// The attempt whose answer was lost.
    pub attempt: i32,
    /// What its sender wanted.
    pub policy: OnUnknown,
}

struct KeyRow {
    organization: Uuid,
    number: Uuid,
    conversation: Uuid,
}

impl From<KeyRow> for ConversationKey {
    fn from(row: KeyRow) -> Self {
        Self {
            organization: row.organization.into(),
            number: row.number.into(),
            conversation: row.conversation.into(),
        }
    }
}

fn keys(rows: Vec<KeyRow>) -> Vec<ConversationKey> {
    rows.into_iter().map(ConversationKey::from).collect()
}

impl Dispatch<'_> {
    /// Conversations in which a scheduled message or a retry came due after `after` and until `until`. What
    /// was queued to be sent at once has its command and is left out, which keeps this cheap under load.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn list_waking(
        &mut self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<ConversationKey>, DbError> {
        sqlx::query_as!(
            KeyRow,
            r#"
            SELECT organization_id AS organization, number_id AS number, conversation_id AS conversation
            FROM messages
            WHERE state = 'queued' AND next_attempt_at > $1 AND next_attempt_at <= $2
              AND (send_at IS NOT NULL OR attempts > 0)
            ORDER BY next_attempt_at
            LIMIT $3
            "#,
            after,
            until,
            limit,
        )
        .fetch_all(self.0.connection())
        .await
        .map(keys)
        .map_err(DbError::of("messages.list_waking"))
    }

    /// Conversations whose head is due, the longest waiting first; of these numbers, or of all when none is
    /// given. Numbers whose token is refused are left out, but for what has expired.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn list_due(
        &mut self,
        at: DateTime<Utc>,
        numbers: &[NumberId],
        limit: i64,
    ) -> Result<Vec<ConversationKey>, DbError> {
        let numbers: Vec<Uuid> = numbers.iter().map(NumberId::as_uuid).collect();
        sqlx::query_as!(
            KeyRow,
            r#"
            SELECT m.organization_id AS organization, m.number_id AS number, m.conversation_id AS conversation
            FROM messages m
            JOIN numbers n ON n.organization_id = m.organization_id AND n.id = m.number_id
            WHERE m.state = 'queued' AND m.next_attempt_at <= $1
              AND (cardinality($2::uuid[]) = 0 OR m.number_id = ANY($2))
              AND (n.token_rejected_at IS NULL OR m.expires_at <= $1)
              AND NOT EXISTS (
                  SELECT 1 FROM messages e
                  WHERE e.organization_id = m.organization_id AND e.conversation_id = m.conversation_id
                    AND e.state IN ('queued', 'sending') AND e.sequence < m.sequence
                    AND (e.state = 'sending' OR e.send_at IS NULL OR e.send_at <= $1)
              )
            ORDER BY m.next_attempt_at
            LIMIT $3
            "#,
            at,
            &numbers,
            limit,
        )
        .fetch_all(self.0.connection())
        .await
        .map(keys)
        .map_err(DbError::of("messages.list_due"))
    }

    /// Since when the longest waiting message has been due.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn oldest_due(&mut self) -> Result<Option<DateTime<Utc>>, DbError> {
        sqlx::query_scalar!("SELECT min(next_attempt_at) FROM messages WHERE state = 'queued'")
            .fetch_one(self.0.connection())
            .await
            .map_err(DbError::of("messages.oldest_due"))
    }

    /// Numbers that may not send because Meta refused their token.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn list_rejected_numbers(&mut self) -> Result<Vec<NumberId>, DbError> {
        let ids = sqlx::query_scalar!("SELECT id FROM numbers WHERE token_rejected_at IS NOT NULL")
            .fetch_all(self.0.connection())
            .await
            .map_err(DbError::of("numbers.list_rejected"))?;
        Ok(ids.into_iter().map(NumberId::from).collect())
    }

    /// Makes claims `unknown` that are stale at `at`: whoever claimed them is gone, and whether Meta has the
    /// message nobody knows. They wait for a status until `deadline`.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn lose_stale(
        &mut self,
        at: DateTime<Utc>,
        deadline: DateTime<Utc>,
        error_code: &str,
        limit: i64,
    ) -> Result<Vec<LostMessage>, DbError> {
        let rows = sqlx::query!(
            r#"
            UPDATE messages m
            SET state = 'unknown', next_attempt_at = $2, error_code = $3, error = NULL
            FROM (
                SELECT organization_id, id
                FROM messages
                WHERE state = 'sending' AND next_attempt_at <= $1 AND sending_at IS NOT NULL
                ORDER BY next_attempt_at
                LIMIT $4
                FOR UPDATE SKIP LOCKED
            ) s
            WHERE m.organization_id = s.organization_id AND m.id = s.id
            RETURNING m.organization_id, m.id, m.conversation_id, m.contact_id, m.number_id, m.sequence,
                      m.attempts, m.sending_at
            "#,
            at,
            deadline,
            error_code,
            limit,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.lose_stale"))?;
        Ok(rows
            .into_iter()
            .map(|row| LostMessage {
                outgoing: OutgoingRef {
                    organization: row.organization_id.into(),
                    message: row.id.into(),
                    conversation: row.conversation_id.into(),
                    contact: row.contact_id.into(),
                    number: row.number_id.into(),
                    sequence: row.sequence,
                },
                attempt: row.attempts,
                sending_at: row.sending_at,
            })
            .collect())
    }

    /// Unknown messages whose deadline has passed without a status, after what their senders wanted for that case was
    /// done: they stay `unknown` and are not looked at again, are queued once more, or have failed with `error_code`.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn settle_unknown(
        &mut self,
        at: DateTime<Utc>,
        error_code: &str,
        limit: i64,
    ) -> Result<Vec<SettledUnknown>, DbError> {
        let rows = sqlx::query!(
            r#"
            UPDATE messages m
            SET next_attempt_at = CASE s.on_unknown WHEN 'resend' THEN $1 END,
                state = CASE s.on_unknown WHEN 'resend' THEN 'queued' WHEN 'fail' THEN 'failed' ELSE m.state END,
                failed_at = CASE s.on_unknown WHEN 'fail' THEN $1 ELSE m.failed_at END,
                error_code = CASE s.on_unknown WHEN 'fail' THEN $2 ELSE m.error_code END,
                -- Sent once more, not every time: what is lost again is held.
                on_unknown = CASE s.on_unknown WHEN 'resend' THEN 'hold' ELSE m.on_unknown END
            FROM (
                SELECT organization_id, id, on_unknown
                FROM messages
                WHERE state = 'unknown' AND next_attempt_at <= $1
                ORDER BY next_attempt_at
                LIMIT $3
                FOR UPDATE SKIP LOCKED
            ) s
            WHERE m.organization_id = s.organization_id AND m.id = s.id
            RETURNING m.organization_id, m.id, m.conversation_id, m.contact_id, m.number_id, m.sequence, m.attempts,
                s.on_unknown
            "#,
            at,
            error_code,
            limit,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.settle_unknown"))?;
        Ok(rows
            .into_iter()
            .map(|row| SettledUnknown {
                outgoing: OutgoingRef {
                    organization: row.organization_id.into(),
                    message: row.id.into(),
                    conversation: row.conversation_id.into(),
                    contact: row.contact_id.into(),
                    number: row.number_id.into(),
                    sequence: row.sequence,
                },
                attempt: row.attempts,
                policy: OnUnknown::parse(&row.on_unknown).unwrap_or_default(),
            })
            .collect())
    }
}
