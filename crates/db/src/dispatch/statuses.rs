//! Statuses that were there before the message was known by its wamid.

use chrono::{DateTime, Utc};
use sb_ids::{MessageId, OrganizationId, Wamid};
use serde_json::Value;
use uuid::Uuid;

use super::{Dispatch, OutgoingRef, column};
use crate::DbError;

/// A status that has found its message.
#[derive(Debug, Clone, PartialEq)]
pub struct AdoptedStatus {
    /// The message.
    pub outgoing: OutgoingRef,
    /// Its wamid.
    pub wamid: String,
    /// Meta's word.
    pub status: String,
    /// The participant, in groups; empty otherwise.
    pub recipient: String,
    /// Meta's timestamp.
    pub at: DateTime<Utc>,
    /// The status object as it came.
    pub raw: Value,
}

impl Dispatch<'_> {
    /// Gives kept statuses to the messages that now have their wamids. The messages themselves are not
    /// changed: [`crate::ingest::Ingest::apply_statuses`] does that.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn adopt_statuses(
        &mut self,
        messages: &[(OrganizationId, MessageId, Wamid)],
    ) -> Result<Vec<AdoptedStatus>, DbError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query!(
            r#"
            UPDATE message_statuses s
            SET message_id = m.id
            FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS w (o, i, wamid)
            JOIN messages m ON m.organization_id = w.o AND m.id = w.i
            -- Not IS NULL, which leads to the index of all statuses without a message.
            WHERE s.organization_id = w.o AND s.wamid = w.wamid
              AND coalesce(s.message_id, '00000000-0000-0000-0000-000000000000') =
                  '00000000-0000-0000-0000-000000000000'
            RETURNING m.organization_id, m.id, m.conversation_id, m.contact_id, m.number_id, m.sequence,
                      s.wamid, s.status, s.recipient, s.status_at, s.raw
            "#,
            &column(messages, |m| m.0.as_uuid()),
            &column(messages, |m| m.1.as_uuid()),
            &column(messages, |m| m.2.as_str().to_owned()),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("message_statuses.adopt"))?;
        Ok(rows
            .into_iter()
            .map(|row| AdoptedStatus {
                outgoing: OutgoingRef {
                    organization: row.organization_id.into(),
                    message: row.id.into(),
                    conversation: row.conversation_id.into(),
                    contact: row.contact_id.into(),
                    number: row.number_id.into(),
                    sequence: row.sequence,
                },
                wamid: row.wamid,
                status: row.status,
                recipient: row.recipient,
                at: row.status_at,
                raw: row.raw,
            })
            .collect())
    }

    /// Messages of ours whose wamid is that of a status kept since `since` without a message: status and
    /// acceptance were written at the same moment, and neither transaction saw the other.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn list_missed_statuses(
        &mut self,
        since: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<(OrganizationId, MessageId, Wamid)>, DbError> {
        struct Missed {
            organization_id: Uuid,
            id: Uuid,
            wamid: String,
        }
        let rows = sqlx::query_as!(
            Missed,
            r#"
            SELECT DISTINCT m.organization_id, m.id, s.wamid
            FROM message_statuses s
            JOIN messages m ON m.organization_id = s.organization_id AND m.wamid = s.wamid
            WHERE s.message_id IS NULL AND s.received_at > $1 AND m.direction = 'outgoing'
            LIMIT $2
            "#,
            since,
            limit,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("message_statuses.list_missed"))?;
        let missed = rows.into_iter().filter_map(|row| {
            let wamid = Wamid::parse(row.wamid).ok()?;
            Some((row.organization_id.into(), row.id.into(), wamid))
        });
        Ok(missed.collect())
    }
}
