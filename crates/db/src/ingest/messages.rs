//! Messages written elsewhere: their place in the conversation, and the rows.

#![expect(
    clippy::as_conversions,
    reason = "the query macros name the type of a nullable array with `as`"
)]

use chrono::{DateTime, Utc};
use sb_domain::content::Direction;
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
    /// How many messages it gets at its end.
    pub messages: i64,
    /// How many messages of the past it gets before its start.
    pub past: i64,
    /// When the latest of all of them was sent.
    pub latest_at: DateTime<Utc>,
    /// When the latest was sent by the contact: opens the customer service window.
    pub incoming_at: Option<DateTime<Utc>>,
    /// When a person of the business last wrote by other means than us: agents keep silent for a while.
    pub takeover_at: Option<DateTime<Utc>>,
    /// The id under which the contact wrote last, as Meta wrote it.
    pub reply_to: Option<String>,
    /// What the conversation's `link_version` was when ids led to it.
    pub link_version: i32,
}

/// The places that a conversation has given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// The lowest.
    pub first: i64,
    /// The highest.
    pub last: i64,
}

/// How a message came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageSource {
    /// As it was written.
    Live,
    /// From the business's own phone.
    Echo,
    /// Of the time before the number was connected.
    History,
    /// A copy while somebody else owns the conversation.
    Standby,
}

impl MessageSource {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Echo => "echo",
            Self::History => "history",
            Self::Standby => "standby",
        }
    }
}

/// A message that was written elsewhere, to be stored.
#[derive(Debug, Clone)]
pub struct NewIngested {
    /// The tenant.
    pub organization: OrganizationId,
    /// Its id.
    pub id: MessageId,
    /// Where it belongs.
    pub conversation: ConversationId,
    /// Our number in it.
    pub number: NumberId,
    /// The person who sent it, or whom it was sent to.
    pub contact: ContactId,
    /// In a group: the participant who wrote it.
    pub author: Option<ContactId>,
    /// Who sent it.
    pub direction: Direction,
    /// `received`, or how far a message of the business is known to have come.
    pub state: &'static str,
    /// How it came to us.
    pub source: MessageSource,
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
    /// The stored type.
    pub content_type: String,
    /// The post it came in; the same post again is a replay, another one a duplicate.
    pub post: Option<PostId>,
    /// Where the envelope that stored it is in UPDATES.
    pub source_sequence: Option<i64>,
}

impl Ingest<'_> {
    /// Reserves places for messages, opens the customer service window, and silences agents where a person took
    /// over. Returns the places given out in each conversation.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn advance_conversations(
        &mut self,
        advances: &[Advance],
    ) -> Result<Vec<(ConversationId, Places)>, DbError> {
        if advances.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query!(
            r#"
            UPDATE conversations c
            SET last_sequence = c.last_sequence + w.n,
                first_sequence = c.first_sequence - w.p,
                reply_to = coalesce(w.reply_to, c.reply_to),
                last_message_at = greatest(c.last_message_at, w.at),
                last_incoming_at = greatest(c.last_incoming_at, w.incoming_at),
                active_at = CASE
                    WHEN c.last_message_at IS NULL OR w.at > c.active_at + interval '1 minute' THEN w.at
                    ELSE c.active_at END,
                agent_paused_at = greatest(c.agent_paused_at, w.takeover_at),
                agent_paused_until = CASE
                    WHEN w.takeover_at IS NULL THEN c.agent_paused_until
                    ELSE greatest(c.agent_paused_until, w.takeover_at + make_interval(mins => (
                        SELECT o.takeover_pause_minutes FROM organizations o WHERE o.id = c.organization_id)))
                    END
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[],
                $7::timestamptz[], $8::text[], $9::integer[])
                AS w (o, i, n, p, at, incoming_at, takeover_at, reply_to, link_version)
            WHERE c.organization_id = w.o AND c.id = w.i AND c.link_version = w.link_version
                AND c.merged_into IS NULL
            RETURNING c.id, c.first_sequence, c.last_sequence
            "#,
            &column(advances, |a| a.organization.as_uuid()),
            &column(advances, |a| a.conversation.as_uuid()),
            &column(advances, |a| a.messages),
            &column(advances, |a| a.past),
            &column(advances, |a| a.latest_at),
            &column(advances, |a| a.incoming_at) as &[Option<DateTime<Utc>>],
            &column(advances, |a| a.takeover_at) as &[Option<DateTime<Utc>>],
            &column(advances, |a| a.reply_to.clone()) as &[Option<String>],
            &column(advances, |a| a.link_version),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("conversations.advance"))?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let places = Places {
                    first: row.first_sequence,
                    last: row.last_sequence,
                };
                (row.id.into(), places)
            })
            .collect())
    }

    /// Stores messages; those whose wamid is known are left out. Returns the ids of the new ones.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn insert_messages(
        &mut self,
        messages: &[NewIngested],
    ) -> Result<Vec<MessageId>, DbError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let ids = sqlx::query_scalar!(
            r#"
            INSERT INTO messages (
                organization_id, id, conversation_id, number_id, contact_id, direction, content_type, content,
                wamid, sequence, state, post_id, source_sequence, received_at, message_at, created_at, source,
                sent_at, author_contact_id)
            SELECT o, i, v, n, c, d, t, j::jsonb, w, s, e, p, q, r, m, now(), k,
                   CASE WHEN d = 'outgoing' THEN m END, a
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[],
                $9::bigint[], $10::uuid[], $11::bigint[], $12::timestamptz[], $13::timestamptz[], $14::text[],
                $15::text[], $16::text[], $17::uuid[])
                AS x (o, i, v, n, c, t, j, w, s, p, q, r, m, d, e, k, a)
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
            &column(messages, |m| m.direction.as_str().to_owned()),
            &column(messages, |m| m.state.to_owned()),
            &column(messages, |m| m.source.as_str().to_owned()),
            &column(messages, |m| m.author.map(Uuid::from)) as &[Option<Uuid>],
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("messages.insert_ingested"))?;
        Ok(ids.into_iter().map(MessageId::from).collect())
    }

    /// Gives a placeholder of the past its file.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn fill_placeholder(
        &mut self,
        placeholder: &KnownMessage,
        file: &NewIngested,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE messages
            SET content_type = $3, content = $4::text::jsonb
            WHERE organization_id = $1 AND id = $2 AND content_type = 'media_placeholder'
            "#,
            placeholder.organization.as_uuid(),
            placeholder.id.as_uuid(),
            file.content_type,
            file.content_json,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("messages.fill_placeholder"))
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
            SELECT m.organization_id, m.wamid AS "wamid!", m.id, m.conversation_id, m.sequence, m.post_id,
                   m.content_type,
                   m.source_sequence
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
                content_type: r.content_type,
                post: r.post_id.map(PostId::from),
                source_sequence: r.source_sequence,
            })
            .collect())
    }
}
