use std::fmt;

use chrono::{DateTime, Utc};
use sb_domain::content::{Direction, MessageContent, TemplatePart};
use sb_domain::delivery::OnUnknown;
use sb_ids::{AgentId, ApiKeyId, ContactId, ConversationId, MessageId, NumberId, Wamid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One message.
#[derive(Clone, PartialEq, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The messages after it, when a text was split.
    #[serde(default)]
    pub following: Vec<MessageId>,
    /// Where it belongs.
    pub conversation_id: ConversationId,
    /// The organization's number.
    pub number_id: NumberId,
    /// The contact.
    pub contact_id: ContactId,
    /// Who it is for.
    pub direction: Direction,
    /// What it says.
    pub content: MessageContent,
    /// Meta's id.
    pub wamid: Option<Wamid>,
    /// Its place in the conversation.
    pub sequence: i64,
    /// `queued`, `accepted`, `read`, …
    pub status: String,
    /// The agent that wrote it.
    pub agent_id: Option<AgentId>,
    /// The key with which it was asked for.
    pub api_key_id: Option<ApiKeyId>,
    /// Not before.
    pub send_at: Option<DateTime<Utc>>,
    /// Not after.
    pub expires_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub attempts: i32,
    /// Why the last try failed.
    pub error: Option<SendError>,
    /// When the sender sent it, or it was queued.
    pub message_at: DateTime<Utc>,
    /// When it was stored.
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

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SendError {
    /// A stable code; `meta.<number>` for Meta's.
    pub code: String,
    /// Meta's own error object.
    pub meta: Option<Value>,
}

// What people write stays out of logs.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("sequence", &self.sequence)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A message to be sent.
#[derive(Clone, Serialize)]
pub struct SendMessage {
    /// A phone number or a business-scoped user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The conversation, instead of `to` and `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The sending number: its id or Meta's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What to send.
    pub content: MessageContent,
    /// Not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_at: Option<DateTime<Utc>>,
    /// Not after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The same as a time from `send_at`, or from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u32>,
    /// What happens when nobody knows whether Meta has it; it stays `unknown` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_unknown: Option<OnUnknown>,
    /// What goes in its place when the customer service window is closed by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<TemplatePart>,
    /// The text, or the caption, is Markdown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub markdown: bool,
    /// A text that is too long for one message may become several.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub split: bool,
}

impl SendMessage {
    /// Any content to a person.
    pub fn new(to: impl Into<String>, content: MessageContent) -> Self {
        Self {
            to: Some(to.into()),
            conversation_id: None,
            from: None,
            content,
            send_at: None,
            expires_at: None,
            ttl_seconds: None,
            on_unknown: None,
            fallback: None,
            markdown: false,
            split: false,
        }
    }

    /// A text to a person.
    pub fn text(to: impl Into<String>, body: impl Into<String>) -> Self {
        Self::new(to, MessageContent::text(body))
    }

    /// Any content into a conversation.
    pub const fn into_conversation(conversation: ConversationId, content: MessageContent) -> Self {
        Self {
            to: None,
            conversation_id: Some(conversation),
            from: None,
            content,
            send_at: None,
            expires_at: None,
            ttl_seconds: None,
            on_unknown: None,
            fallback: None,
            markdown: false,
            split: false,
        }
    }

    /// The same from this number: its id or Meta's.
    #[must_use]
    pub fn from(self, number: impl Into<String>) -> Self {
        Self {
            from: Some(number.into()),
            ..self
        }
    }
}

impl fmt::Debug for SendMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendMessage")
            .field("conversation_id", &self.conversation_id)
            .field("content_type", &self.content.type_name())
            .finish_non_exhaustive()
    }
}
