//! Putting a message in the queue: the row, its place in the conversation, and the events, together.

use chrono::{DateTime, Utc};
use sb_domain::content::{Direction, MessageContent, TemplatePart};
use sb_domain::delivery::OnUnknown;
use sb_events::proto::dispatch::v1::SendMessage;
use sb_events::proto::message::v1::MessageQueued;
use sb_events::{MessagePlace, Origin, meta};
use sb_ids::{AgentId, ApiKeyId, ContactId, ConversationId, EventId, MessageId, NumberId, TurnId};
use serde_json::Value;
use uuid::Uuid;

use crate::{DbError, TenantTx};

/// A message to be written by us.
#[derive(Debug, Clone)]
pub struct NewOutgoing {
    /// Its id; the caller's clock made it.
    pub id: MessageId,
    /// Where it goes.
    pub conversation: ConversationId,
    /// What it says.
    pub content: MessageContent,
    /// The agent that wrote it.
    pub agent: Option<AgentId>,
    /// The turn in which it was written.
    pub turn: Option<TurnId>,
    /// The key with which it was asked for.
    pub api_key: Option<ApiKeyId>,
    /// Not before.
    pub send_at: Option<DateTime<Utc>>,
    /// Not after.
    pub expires_at: Option<DateTime<Utc>>,
    /// When nobody knows whether Meta has it.
    pub on_unknown: OnUnknown,
    /// What goes in its place when the customer service window is closed by then.
    pub fallback: Option<TemplatePart>,
    /// What caused it.
    pub origin: Origin,
}

/// A message that is in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The row.
    pub id: MessageId,
    /// Where it is: the conversation that goes on, if the one asked for does not.
    pub conversation: ConversationId,
    /// Its place in the conversation.
    pub sequence: i64,
    /// The number that will send it.
    pub number: NumberId,
    /// Who will get it.
    pub contact: ContactId,
}

/// Writes messages of ours.
#[derive(Debug)]
pub struct MessageQueue<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The queue of outgoing messages.
    pub const fn queue(&mut self) -> MessageQueue<'_> {
        MessageQueue(self)
    }
}

impl MessageQueue<'_> {
    /// Queues a message to the contact and announces it; the dispatcher is told in the same commit.
    ///
    /// # Errors
    /// [`DbError::Missing`] when the conversation is not this organization's.
    pub async fn send(
        &mut self,
        new: &NewOutgoing,
        at: DateTime<Utc>,
    ) -> Result<QueuedMessage, DbError> {
        let queued = self.insert(new, Direction::Outgoing, at).await?;
        let organization = self.0.organization();
        let place = MessagePlace {
            message: new.id,
            conversation: queued.conversation,
            contact: queued.contact,
            number: queued.number,
            sequence: queued.sequence,
        };
        let event = MessageQueued {
            meta: Some(meta(
                EventId::derive(new.id.as_uuid(), "message.queued"),
                at,
                organization,
                new.origin,
            )),
            message: place.named(""),
            content_type: new.content.type_name().to_owned(),
            content_json: serde_json::to_string(&new.content).unwrap_or_default(),
            agent_id: new.agent.map_or_else(String::new, |id| id.to_string()),
        };
        let command = SendMessage {
            meta: Some(meta(
                EventId::derive(new.id.as_uuid(), "message.send"),
                at,
                organization,
                new.origin,
            )),
            message_id: new.id.to_string(),
            conversation_id: queued.conversation.to_string(),
            number_id: queued.number.to_string(),
        };
        let mut outbox = self.0.outbox();
        outbox.append(&event, at).await?;
        outbox.append(&command, at).await?;
        Ok(queued)
    }

    /// Stores a message only the organization sees.
    ///
    /// # Errors
    /// [`DbError::Missing`] when the conversation is not this organization's.
    pub async fn note(
        &mut self,
        new: &NewOutgoing,
        at: DateTime<Utc>,
    ) -> Result<QueuedMessage, DbError> {
        self.insert(new, Direction::Internal, at).await
    }

    async fn insert(
        &mut self,
        new: &NewOutgoing,
        direction: Direction,
        at: DateTime<Utc>,
    ) -> Result<QueuedMessage, DbError> {
        let organization = self.0.organization().as_uuid();
        let place = sqlx::query!(
            r#"
            UPDATE conversations
            SET last_sequence = last_sequence + 1,
                last_message_at = greatest(last_message_at, $3),
                active_at = CASE WHEN $3 > active_at + interval '1 minute' THEN $3 ELSE active_at END
            WHERE organization_id = $1 AND id = (
                SELECT coalesce(v.merged_into, v.id) FROM conversations v
                WHERE v.organization_id = $1 AND v.id = $2)
            RETURNING id, last_sequence, number_id, contact_id
            "#,
            organization,
            new.conversation.as_uuid(),
            at,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("conversations.next_sequence"))?
        .ok_or(DbError::Missing { table: "conversations", id: new.conversation.as_uuid() })?;
        let queued = QueuedMessage {
            id: new.id,
            conversation: place.id.into(),
            sequence: place.last_sequence,
            number: place.number_id.into(),
            contact: place.contact_id.into(),
        };
        self.insert_row(new, direction, queued, at).await?;
        Ok(queued)
    }

    #[expect(
        clippy::cognitive_complexity,
        reason = "the query macro expands to a branch for each column"
    )]
    async fn insert_row(
        &mut self,
        new: &NewOutgoing,
        direction: Direction,
        place: QueuedMessage,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        let content = serde_json::to_value(&new.content).unwrap_or(Value::Null);
        let (state, due) = begin(direction, new, at);
        sqlx::query!(
            r#"
            INSERT INTO messages (
                organization_id, id, conversation_id, number_id, contact_id, direction, content_type, content,
                sequence, state, agent_id, turn_id, api_key_id, send_at, expires_at, next_attempt_at,
                message_at, created_at, on_unknown, fallback)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, $18, $19)
            "#,
            self.0.organization().as_uuid(),
            new.id.as_uuid(),
            place.conversation.as_uuid(),
            place.number.as_uuid(),
            place.contact.as_uuid(),
            direction.as_str(),
            new.content.type_name(),
            content,
            place.sequence,
            state,
            new.agent.map(Uuid::from),
            new.turn.map(Uuid::from),
            new.api_key.map(Uuid::from),
            new.send_at,
            new.expires_at,
            due,
            at,
            new.on_unknown.as_str(),
            fallback(new),
        )
        .execute(self.0.connection())
        .await
        .map(drop)
        .map_err(DbError::of("messages.insert"))
    }
}

/// A new message's state, and when it is due.
fn begin(
    direction: Direction,
    new: &NewOutgoing,
    at: DateTime<Utc>,
) -> (&'static str, Option<DateTime<Utc>>) {
    match direction {
        Direction::Outgoing => ("queued", Some(new.send_at.unwrap_or(at))),
        Direction::Incoming | Direction::Internal => ("stored", None),
    }
}

fn fallback(new: &NewOutgoing) -> Option<Value> {
    let template = new.fallback.as_ref()?;
    serde_json::to_value(template).ok()
}
