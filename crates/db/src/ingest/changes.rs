//! Edits and revocations: kept once each, and applied to their message whenever both are there.
//!
//! What a message says is a function of the set of its changes, not of the order in which they come: the latest
//! edit counts, and a revocation counts whatever was edited.

#![expect(
    clippy::as_conversions,
    reason = "the query macros name the type of a nullable array with `as`"
)]

use chrono::{DateTime, Utc};
use sb_events::MessagePlace;
use sb_ids::{ContactId, ConversationId, MessageId, NumberId, OrganizationId, PostId};
use serde_json::Value;
use uuid::Uuid;

use super::{Ingest, column};
use crate::DbError;

/// An edit or a revocation, to be kept.
#[derive(Debug, Clone)]
pub struct NewChange {
    /// The tenant.
    pub organization: OrganizationId,
    /// The message that is changed.
    pub wamid: String,
    /// Meta's id of the change.
    pub change_wamid: String,
    /// The new content's type and JSON; `None` for a revocation.
    pub content: Option<(&'static str, String)>,
    /// When Meta says it was changed.
    pub changed_at: DateTime<Utc>,
    /// The post it came in.
    pub post: PostId,
    /// When the post arrived.
    pub received_at: DateTime<Utc>,
}

/// A change that has its message.
#[derive(Debug, Clone, PartialEq)]
pub struct AppliedChange {
    /// The tenant.
    pub organization: OrganizationId,
    /// The message.
    pub message: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Its contact.
    pub contact: ContactId,
    /// Its number.
    pub number: NumberId,
    /// Its place.
    pub sequence: i64,
    /// Its wamid.
    pub wamid: String,
    /// Meta's id of the change.
    pub change_wamid: String,
    /// The new content's type and JSON; `None` for a revocation.
    pub content: Option<(String, Value)>,
    /// When Meta says it was changed.
    pub changed_at: DateTime<Utc>,
    /// The post the change came in.
    pub post: PostId,
    /// When that post arrived.
    pub received_at: DateTime<Utc>,
}

impl AppliedChange {
    /// Where the message is, for events.
    pub const fn place(&self) -> MessagePlace {
        MessagePlace {
            message: self.message,
            conversation: self.conversation,
            contact: self.contact,
            number: self.number,
            sequence: self.sequence,
        }
    }
}

impl Ingest<'_> {
    /// Keeps changes; returns the wamids of those that are new.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn insert_changes(
        &mut self,
        changes: &[NewChange],
    ) -> Result<Vec<(OrganizationId, String)>, DbError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut sorted: Vec<&NewChange> = changes.iter().collect();
        sorted.sort_by_key(|c| (c.organization, &c.wamid, &c.change_wamid));
        let rows = sqlx::query!(
            r#"
            INSERT INTO message_changes (
                organization_id, wamid, change_wamid, kind, content_type, content, changed_at, post_id, received_at)
            SELECT o, w, c, CASE WHEN j IS NULL THEN 'revoke' ELSE 'edit' END, coalesce(t, ''), j::jsonb, a, p, r
            FROM unnest(
                $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::uuid[],
                $8::timestamptz[]) AS x (o, w, c, t, j, a, p, r)
            ON CONFLICT (organization_id, wamid, change_wamid) DO NOTHING
            RETURNING organization_id, change_wamid
            "#,
            &column(&sorted, |c| c.organization.as_uuid()),
            &column(&sorted, |c| c.wamid.clone()),
            &column(&sorted, |c| c.change_wamid.clone()),
            &column(&sorted, |c| c.content.as_ref().map(|(kind, _)| (*kind).to_owned())) as &[Option<String>],
            &column(&sorted, |c| c.content.as_ref().map(|(_, json)| json.clone())) as &[Option<String>],
            &column(&sorted, |c| c.changed_at),
            &column(&sorted, |c| c.post.as_uuid()),
            &column(&sorted, |c| c.received_at),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("message_changes.insert"))?;
        Ok(rows
            .into_iter()
            .map(|row| (row.organization_id.into(), row.change_wamid))
            .collect())
    }

    /// Whether a change waits for one of these messages, or is applied to it already.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn has_waiting_changes(
        &mut self,
        wamids: &[(OrganizationId, String)],
    ) -> Result<bool, DbError> {
        if wamids.is_empty() {
            return Ok(false);
        }
        sqlx::query_scalar!(
            r#"
            SELECT EXISTS (
                SELECT 1 FROM unnest($1::uuid[], $2::text[]) AS w (o, w)
                JOIN message_changes c ON c.organization_id = w.o AND c.wamid = w.w
            ) AS "exists!"
            "#,
            &column(wamids, |w| w.0.as_uuid()),
            &column(wamids, |w| w.1.clone()),
        )
        .fetch_one(&mut *self.connection)
        .await
        .map_err(DbError::of("message_changes.exist"))
    }

    /// Makes messages say what their changes make of them, and returns the changes that count.
    /// A file that was stored stays with its message: an edit gives it another caption.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn apply_changes(
        &mut self,
        wamids: &[(OrganizationId, String)],
    ) -> Result<Vec<AppliedChange>, DbError> {
        if wamids.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted = wamids.to_vec();
        wanted.sort();
        wanted.dedup();
        let organizations = column(&wanted, |w| w.0.as_uuid());
        let values = column(&wanted, |w| w.1.clone());
        sqlx::query!(
            r#"
            WITH wanted AS (SELECT o, w FROM unnest($1::uuid[], $2::text[]) AS x (o, w)),
            edited AS (
                SELECT DISTINCT ON (c.organization_id, c.wamid)
                    c.organization_id, c.wamid, c.change_wamid, c.content_type, c.content, c.changed_at
                FROM wanted JOIN message_changes c ON c.organization_id = wanted.o AND c.wamid = wanted.w
                WHERE c.kind = 'edit'
                ORDER BY c.organization_id, c.wamid, c.changed_at DESC, c.change_wamid DESC
            ),
            revoked AS (
                SELECT c.organization_id, c.wamid, min(c.changed_at) AS changed_at
                FROM wanted JOIN message_changes c ON c.organization_id = wanted.o AND c.wamid = wanted.w
                WHERE c.kind = 'revoke'
                GROUP BY c.organization_id, c.wamid
            )
            UPDATE messages m
            SET original_content = CASE WHEN e.content IS NULL THEN m.original_content
                    ELSE coalesce(m.original_content, m.content) END,
                content = CASE
                    WHEN e.content IS NULL THEN m.content
                    WHEN m.content ->> 'type' = 'media' AND e.content ->> 'type' = 'media'
                        THEN m.content || jsonb_build_object('caption', coalesce(e.content -> 'caption', 'null'))
                    ELSE e.content END,
                content_type = CASE
                    WHEN e.content IS NULL OR (m.content ->> 'type' = 'media' AND e.content ->> 'type' = 'media')
                        THEN m.content_type
                    ELSE e.content_type END,
                edited_at = e.changed_at,
                edit_wamid = e.change_wamid,
                revoked_at = r.changed_at
            FROM wanted w
            LEFT JOIN edited e ON e.organization_id = w.o AND e.wamid = w.w
            LEFT JOIN revoked r ON r.organization_id = w.o AND r.wamid = w.w
            WHERE m.organization_id = w.o AND m.wamid = w.w
                AND (m.edit_wamid IS DISTINCT FROM e.change_wamid OR m.revoked_at IS DISTINCT FROM r.changed_at)
            "#,
            &organizations,
            &values,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("messages.apply_changes"))?;
        self.applied_changes(&organizations, &values).await
    }

    async fn applied_changes(
        &mut self,
        organizations: &[Uuid],
        wamids: &[String],
    ) -> Result<Vec<AppliedChange>, DbError> {
        let rows = sqlx::query!(
            r#"
            SELECT m.organization_id, m.id, m.conversation_id, m.contact_id, m.number_id, m.sequence, c.wamid,
                   c.change_wamid, c.content_type, c.content, c.changed_at, c.post_id, c.received_at
            FROM unnest($1::uuid[], $2::text[]) AS w (o, w)
            JOIN message_changes c ON c.organization_id = w.o AND c.wamid = w.w
            JOIN messages m ON m.organization_id = w.o AND m.wamid = w.w
            WHERE c.kind = 'revoke' OR c.change_wamid = m.edit_wamid
            ORDER BY c.changed_at, c.change_wamid
            "#,
            organizations,
            wamids,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("message_changes.find"))?;
        Ok(rows
            .into_iter()
            .map(|row| AppliedChange {
                organization: row.organization_id.into(),
                message: row.id.into(),
                conversation: row.conversation_id.into(),
                contact: row.contact_id.into(),
                number: row.number_id.into(),
                sequence: row.sequence,
                wamid: row.wamid,
                change_wamid: row.change_wamid,
                content: row.content.map(|content| (row.content_type, content)),
                changed_at: row.changed_at,
                post: row.post_id.into(),
                received_at: row.received_at,
            })
            .collect())
    }
}
