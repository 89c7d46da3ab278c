//! Messages: sending, and reading what was sent and received.

mod compose;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod send;

use chrono::{DateTime, Utc};
use sb_db::Message;
use sb_domain::content::MessageContent;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::content_schema::ContentSchema;

/// One message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub(crate) struct MessageResponse {
    /// Its id.
    id: Uuid,
    /// Where it belongs.
    conversation_id: Uuid,
    /// Your number.
    number_id: Uuid,
    /// The contact.
    contact_id: Uuid,
    /// `incoming`, `outgoing`, or `internal`: seen by you only.
    #[schema(example = "outgoing")]
    direction: &'static str,
    /// What it says.
    #[schema(value_type = ContentSchema)]
    content: MessageContent,
    /// Meta's id; outgoing messages have none until Meta takes them.
    wamid: Option<String>,
    /// Its place in the conversation, rising.
    sequence: i64,
    /// Outgoing: `queued`, `sending`, `unknown` (the answer to the send was lost), `accepted`, `sent`, `delivered`,
    /// `read`, `played`, `failed` or `canceled`. Incoming: `received`. Internal: `stored`.
    #[schema(example = "queued")]
    status: &'static str,
    /// The agent that wrote it.
    agent_id: Option<Uuid>,
    /// The key with which it was asked for.
    api_key_id: Option<Uuid>,
    /// Not before.
    send_at: Option<DateTime<Utc>>,
    /// Not after.
    expires_at: Option<DateTime<Utc>>,
    /// `hold`, `resend` or `fail`: what happens when nobody knows whether Meta has it.
    #[schema(example = "hold")]
    on_unknown: &'static str,
    /// The template for a closed window went in the place of `content`.
    used_fallback: bool,
    /// How often it was tried.
    attempts: i32,
    /// Why the last try failed.
    error: Option<SendErrorResponse>,
    /// When the sender sent it, or you queued it.
    message_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    accepted_at: Option<DateTime<Utc>>,
    sent_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    read_at: Option<DateTime<Utc>>,
    failed_at: Option<DateTime<Utc>>,
}

/// Why a message was not sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SendError)]
pub(crate) struct SendErrorResponse {
    /// A stable code; `meta.<number>` for Meta's.
    #[schema(example = "meta.131047")]
    code: String,
    /// Meta's own error object.
    meta: Option<Value>,
}

impl From<Message> for MessageResponse {
    fn from(message: Message) -> Self {
        let meta = message.error;
        Self {
            id: message.id.as_uuid(),
            conversation_id: message.conversation.as_uuid(),
            number_id: message.number.as_uuid(),
            contact_id: message.contact.as_uuid(),
            direction: message.direction.as_str(),
            content: message.content,
            wamid: message.wamid.map(Into::into),
            sequence: message.sequence,
            status: message.state.as_str(),
            agent_id: message.agent.map(Uuid::from),
            api_key_id: message.api_key.map(Uuid::from),
            send_at: message.send_at,
            expires_at: message.expires_at,
            on_unknown: message.on_unknown.as_str(),
            used_fallback: message.used_fallback,
            attempts: message.attempts,
            error: message
                .error_code
                .map(|code| SendErrorResponse { code, meta }),
            message_at: message.message_at,
            created_at: message.created_at,
            accepted_at: message.accepted_at,
            sent_at: message.sent_at,
            delivered_at: message.delivered_at,
            read_at: message.read_at,
            failed_at: message.failed_at,
        }
    }
}
