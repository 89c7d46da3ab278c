//! Claimed messages whose files Meta has to get first. Nothing of them has left: a row without `sending_at` goes back to
//! the queue when its dispatcher ends.

use chrono::{DateTime, Utc};

use super::{ConversationKey, Dispatch, OutgoingRef};
use crate::DbError;

impl Dispatch<'_> {
    /// Says that nothing of a claimed message has left yet, and that this may stay so until `until`. `false` when the
    /// claim is not ours any more.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn begin_preparing(
        &mut self,
        claimed: (&OutgoingRef, i32),
        until: DateTime<Utc>,
    ) -> Result<bool, DbError> {
        self.mark(claimed, None, until).await
    }

    /// Says that a claimed message leaves now; from `stale_at` on it counts as lost. `false` when the claim is not ours
    /// any more.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn end_preparing(
        &mut self,
        claimed: (&OutgoingRef, i32),
        at: DateTime<Utc>,
        stale_at: DateTime<Utc>,
    ) -> Result<bool, DbError> {
        self.mark(claimed, Some(at), stale_at).await
    }

    async fn mark(
        &mut self,
        (outgoing, attempt): (&OutgoingRef, i32),
        sending_at: Option<DateTime<Utc>>,
        stale_at: DateTime<Utc>,
    ) -> Result<bool, DbError> {
        sqlx::query!(
            r#"
            UPDATE messages
            SET sending_at = $4, next_attempt_at = $5
            WHERE organization_id = $1 AND id = $2 AND attempts = $3 AND state = 'sending'
            "#,
            outgoing.organization.as_uuid(),
            outgoing.message.as_uuid(),
            attempt,
            sending_at,
            stale_at,
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(DbError::of("messages.mark_preparing"))
    }

    /// Puts messages back whose dispatcher ended before anything of them left. Returns their conversations.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn requeue_unprepared(
        &mut self,
        at: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<ConversationKey>, DbError> {
        let rows = sqlx::query!(
            r#"
            UPDATE messages m
            SET state = 'queued', next_attempt_at = $1
            FROM (
                SELECT organization_id, id
                FROM messages
                WHERE state = 'sending' AND next_attempt_at <= $1 AND sending_at IS NULL
                ORDER BY next_attempt_at
                LIMIT $2
                FOR UPDATE SKIP LOCKED
            ) s
            WHERE m.organization_id = s.organization_id AND m.id = s.id
            RETURNING m.organization_id, m.number_id, m.conversation_id
            "#,
            at,
            limit,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.requeue_unprepared"))?;
        Ok(rows
            .into_iter()
            .map(|row| ConversationKey {
                organization: row.organization_id.into(),
                number: row.number_id.into(),
                conversation: row.conversation_id.into(),
            })
            .collect())
    }
}
