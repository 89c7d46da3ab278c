//! Incoming messages: their place in the conversation, and the rows.

use chrono::{DateTime, Utc};
use sb_ids::{ContactId, ConversationId, MessageId, NumberId, OrganizationId, PostId};
use uuid::Uuid;

use super::{Ingest, column};
use crate::DbError;

/// What a batch does to one conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The tenant.
    pub organization: OrganizationId,
    /// The conversation.
    pub conversation: ConversationId,
    /// How many messages it gets.
    pub messages: i64,
    /// When the latest of them was sent.
    pub latest_at: DateTime<Utc>,
}

/// A message from a contact, to be stored.
#[derive(Debug, Clone)]
pub struct NewIncoming {
    /// The tenant.
    pub organization: OrganizationId,
    /// Its id.
    pub id: MessageId,
    /// Where it belongs.
    pub conversation: ConversationId,
    /// The number it was sent to.
    pub number: NumberId,
    /// Who sent it.
    pub contact: ContactId,
    /// The stored type.
    pub content_type: &'static str,
    /// The content as JSON, without NUL characters.
    pub content_json: String,
    /// Meta's id.
    pub wamid: String,
    /// Its place in the conversation.
    pub sequence: i64,
    /// The post it came in.
    pub post: PostId,
    /// Where that post is in UPDATES.
    pub source_sequence: i64,
    /// When the post arrived.
    pub received_at: DateTime<Utc>,
    /// When Meta says it was sent.
    pub message_at: DateTime<Utc>,
}

/// A message that was there already.
#[derive(Debug, Clone)]
pub struct KnownMessage {
    /// The tenant.
    pub organization: OrganizationId,
    /// Meta's id.
    pub wamid: String,
    /// Our row.
    pub id: MessageId,
    /// Where it belongs.
    pub conversation: ConversationId,
    /// Its place in the conversation.
    pub sequence: i64,
    /// The post it came in; the same post again is a replay, another one a duplicate.
    pub post: Option<PostId>,
}

impl Ingest<'_> {
    /// Reserves places for messages and opens the customer service window. Returns the last place given out
    /// in each conversation.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn advance_conversations(
        &mut self,
        advances: &[Advance],
    ) -> Result<Vec<(OrganizationId, ConversationId, i64)>, DbError> {
        if advances.is_empty() {
            return Ok(Vec::new());
        }
        let organizations: Vec<Uuid> = advances.iter().map(|a| a.organization.as_uuid()).collect();
        let ids: Vec<Uuid> = advances.iter().map(|a| a.conversation.as_uuid()).collect();
        let counts: Vec<i64> = advances.iter().map(|a| a.messages).collect();
        let latest: Vec<DateTime<Utc>> = advances.iter().map(|a| a.latest_at).collect();
        let rows = sqlx::query!(
            r#"
            UPDATE conversations c
            SET last_sequence = c.last_sequence + w.n,
                last_message_at = greatest(c.last_message_at, w.at),
                last_incoming_at = greatest(c.last_incoming_at, w.at),
                active_at = CASE WHEN w.at > c.active_at + interval '1 minute' THEN w.at ELSE c.active_at END
            FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[]) AS w (o, i, n, at)
            WHERE c.organization_id = w.o AND c.id = w.i
            RETURNING c.organization_id, c.id, c.last_sequence
            "#,
            &organizations,
            &ids,
            &counts,
            &latest,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("conversations.advance"))?;
        Ok(rows
            .into_iter()
            .map(|r| (r.organization_id.into(), r.id.into(), r.last_sequence))
            .collect())
    }

    /// Stores messages; those whose wamid is known are left out. Returns the ids of the new ones.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn insert_messages(
        &mut self,
        messages: &[NewIncoming],
    ) -> Result<Vec<MessageId>, DbError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let ids = sqlx::query_scalar!(
            r#"
            INSERT INTO messages (
                organization_id, id, conversation_id, number_id, contact_id, direction, content_type, content,
                wamid, sequence, state, post_id, source_sequence, received_at, message_at, created_at)
            SELECT o, i, v, n, c, 'incoming', t, j::jsonb, w, s, 'received', p, q, r, m, now()
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[],
                $9::bigint[], $10::uuid[], $11::bigint[], $12::timestamptz[], $13::timestamptz[])
                AS x (o, i, v, n, c, t, j, w, s, p, q, r, m)
            ON CONFLICT (organization_id, wamid) WHERE wamid IS NOT NULL DO NOTHING
            RETURNING id
            "#,
            &column(messages, |m| m.organization.as_uuid()),
            &column(messages, |m| m.id.as_uuid()),
            &column(messages, |m| m.conversation.as_uuid()),
            &column(messages, |m| m.number.as_uuid()),
            &column(messages, |m| m.contact.as_uuid()),
            &column(messages, |m| m.content_type.to_owned()),
            &column(messages, |m| m.content_json.clone()),
            &column(messages, |m| m.wamid.clone()),
            &column(messages, |m| m.sequence),
            &column(messages, |m| m.post.as_uuid()),
            &column(messages, |m| m.source_sequence),
            &column(messages, |m| m.received_at),
            &column(messages, |m| m.message_at),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("messages.insert_incoming"))?;
        Ok(ids.into_iter().map(MessageId::from).collect())
    }

    /// The messages that have these wamids.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn find_by_wamid(
        &mut self,
        wamids: &[(OrganizationId, String)],
    ) -> Result<Vec<KnownMessage>, DbError> {
        if wamids.is_empty() {
            return Ok(Vec::new());
        }
        let organizations: Vec<Uuid> = wamids.iter().map(|(o, _)| o.as_uuid()).collect();
        let values: Vec<String> = wamids.iter().map(|(_, w)| w.clone()).collect();
        let rows = sqlx::query!(
            r#"
            SELECT m.organization_id, m.wamid AS "wamid!", m.id, m.conversation_id, m.sequence, m.post_id
            FROM unnest($1::uuid[], $2::text[]) AS w (o, w)
            JOIN messages m ON m.organization_id = w.o AND m.wamid = w.w
            "#,
            &organizations,
            &values,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("messages.find_by_wamid"))?;
        Ok(rows
            .into_iter()
            .map(|r| KnownMessage {
                organization: r.organization_id.into(),
                wamid: r.wamid,
                id: r.id.into(),
                conversation: r.conversation_id.into(),
                sequence: r.sequence,
                post: r.post_id.map(PostId::from),
            })
            .collect())
    }
}
