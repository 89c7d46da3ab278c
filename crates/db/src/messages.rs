//! Messages as they are read. Writing ours is in `queue`, writing theirs in `ingest`.

use chrono::{DateTime, Utc};
use sb_domain::content::{Direction, MessageContent};
use sb_domain::delivery::{DeliveryState, OnUnknown};
use sb_ids::{AgentId, ApiKeyId, ContactId, ConversationId, MessageId, NumberId, TurnId, Wamid};
use serde_json::Value;
use uuid::Uuid;

use crate::{DbError, Order, Page, PageRequest, SequenceKey, TenantTx};

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageState {
    /// It came from the contact.
    Received,
    /// It is seen by the organization only.
    Stored,
    /// It goes to the contact.
    Outgoing(DeliveryState),
}

impl MessageState {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Stored => "stored",
            Self::Outgoing(state) => state.as_str(),
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "received" => Some(Self::Received),
            "stored" => Some(Self::Stored),
            other => DeliveryState::parse(other).map(Self::Outgoing),
        }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Where it belongs.
    pub conversation: ConversationId,
    /// Our side.
    pub number: NumberId,
    /// The other side.
    pub contact: ContactId,
    /// Who it is for.
    pub direction: Direction,
    /// What it says.
    pub content: MessageContent,
    /// Meta's id.
    pub wamid: Option<Wamid>,
    /// Its place in the conversation.
    pub sequence: i64,
    /// Where it stands.
    pub state: MessageState,
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
    /// The template for a closed window went in its place.
    pub used_fallback: bool,
    /// How often it was tried.
    pub attempts: i32,
    /// Our code of the last refusal.
    pub error_code: Option<String>,
    /// Meta's own object of the last refusal.
    pub error: Option<Value>,
    /// When the sender sent it, or we queued it.
    pub message_at: DateTime<Utc>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// When Meta took it.
    pub accepted_at: Option<DateTime<Utc>>,
    /// When Meta sent it.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it was on the phone.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When the contact saw it.
    pub read_at: Option<DateTime<Utc>>,
    /// When it failed.
    pub failed_at: Option<DateTime<Utc>>,
}

struct MessageRow {
    id: Uuid,
    conversation_id: Uuid,
    number_id: Uuid,
    contact_id: Uuid,
    direction: String,
    content: Value,
    wamid: Option<String>,
    sequence: i64,
    state: String,
    agent_id: Option<Uuid>,
    turn_id: Option<Uuid>,
    api_key_id: Option<Uuid>,
    send_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    on_unknown: String,
    used_fallback: bool,
    attempts: i32,
    error_code: Option<String>,
    error: Option<Value>,
    message_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    accepted_at: Option<DateTime<Utc>>,
    sent_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    read_at: Option<DateTime<Utc>>,
    failed_at: Option<DateTime<Utc>>,
}

impl MessageRow {
    fn read(self) -> Result<Message, DbError> {
        let unusable = |column| DbError::Inconsistent {
            table: "messages",
            column,
            id: self.id,
        };
        Ok(Message {
            id: self.id.into(),
            conversation: self.conversation_id.into(),
            number: self.number_id.into(),
            contact: self.contact_id.into(),
            direction: Direction::parse(&self.direction).ok_or_else(|| unusable("direction"))?,
            content: serde_json::from_value(self.content).map_err(|_| unusable("content"))?,
            wamid: self
                .wamid
                .map(Wamid::parse)
                .transpose()
                .map_err(|_| unusable("wamid"))?,
            sequence: self.sequence,
            state: MessageState::parse(&self.state).ok_or_else(|| unusable("state"))?,
            agent: self.agent_id.map(Into::into),
            turn: self.turn_id.map(Into::into),
            api_key: self.api_key_id.map(Into::into),
            send_at: self.send_at,
            expires_at: self.expires_at,
            on_unknown: OnUnknown::parse(&self.on_unknown).ok_or_else(|| unusable("on_unknown"))?,
            used_fallback: self.used_fallback,
            attempts: self.attempts,
            error_code: self.error_code,
            error: self.error,
            message_at: self.message_at,
            created_at: self.created_at,
            accepted_at: self.accepted_at,
            sent_at: self.sent_at,
            delivered_at: self.delivered_at,
            read_at: self.read_at,
            failed_at: self.failed_at,
        })
    }
}

macro_rules! messages {
    ($after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            MessageRow,
            "SELECT id, conversation_id, number_id, contact_id, direction, content, wamid, sequence, state,
                agent_id, turn_id, api_key_id, send_at, expires_at, on_unknown, used_fallback, attempts, error_code, error, message_at,
                created_at, accepted_at, sent_at, delivered_at, read_at, failed_at
            FROM messages "
                + $after,
            $($argument),*
        )
    };
}

/// The messages of one organization.
#[derive(Debug)]
pub struct Messages<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's messages.
    pub const fn messages(&mut self) -> Messages<'_> {
        Messages(self)
    }
}

impl Messages<'_> {
    /// Finds one.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(&mut self, id: MessageId) -> Result<Option<Message>, DbError> {
        messages!(
            "WHERE organization_id = $1 AND id = $2",
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("messages.find"))?
        .map(MessageRow::read)
        .transpose()
    }

    /// Finds one by Meta's id.
    ///
    /// # Errors
    /// A query error.
    pub async fn find_by_wamid(&mut self, wamid: &Wamid) -> Result<Option<Message>, DbError> {
        messages!(
            "WHERE organization_id = $1 AND wamid = $2",
            self.0.organization().as_uuid(),
            wamid.as_str(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("messages.find_by_wamid"))?
        .map(MessageRow::read)
        .transpose()
    }

    /// Lists the messages of a conversation by their place in it.
    ///
    /// # Errors
    /// A query error.
    pub async fn list(
        &mut self,
        conversation: ConversationId,
        order: Order,
        request: PageRequest<SequenceKey>,
    ) -> Result<Page<Message, SequenceKey>, DbError> {
        let rows = match order {
            Order::NewestFirst => self.list_backward(conversation, request).await?,
            Order::OldestFirst => self.list_forward(conversation, request).await?,
        };
        let items = rows
            .into_iter()
            .map(MessageRow::read)
            .collect::<Result<_, _>>()?;
        Ok(request.page(items, |message: &Message| SequenceKey(message.sequence)))
    }

    async fn list_backward(
        &mut self,
        conversation: ConversationId,
        request: PageRequest<SequenceKey>,
    ) -> Result<Vec<MessageRow>, DbError> {
        messages!(
            "
            WHERE organization_id = $1 AND conversation_id = $2 AND sequence < $3
            ORDER BY sequence DESC
            LIMIT $4",
            self.0.organization().as_uuid(),
            conversation.as_uuid(),
            request.after.map_or(i64::MAX, |key| key.0),
            request.probe(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.list_backward"))
    }

    async fn list_forward(
        &mut self,
        conversation: ConversationId,
        request: PageRequest<SequenceKey>,
    ) -> Result<Vec<MessageRow>, DbError> {
        messages!(
            "
            WHERE organization_id = $1 AND conversation_id = $2 AND sequence > $3
            ORDER BY sequence
            LIMIT $4",
            self.0.organization().as_uuid(),
            conversation.as_uuid(),
            request.after.map_or(0, |key| key.0),
            request.probe(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.list_forward"))
    }
}
