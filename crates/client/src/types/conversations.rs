use chrono::{DateTime, Utc};
use sb_ids::{AgentId, ContactId, ConversationId, NumberId};
use serde::{Deserialize, Serialize};

/// The thread between one number and one contact.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// The organization's number.
    pub number_id: NumberId,
    /// The contact.
    pub contact_id: ContactId,
    /// The agent that answers here.
    pub agent_id: Option<AgentId>,
    /// Agents keep silent until then.
    pub agent_paused_until: Option<DateTime<Utc>>,
    /// Anything may be sent until then; `None`: only templates.
    pub window_open_until: Option<DateTime<Utc>>,
    /// The highest sequence of its messages.
    pub last_sequence: i64,
    /// When a message was last added.
    pub last_message_at: Option<DateTime<Utc>>,
    /// When the contact last wrote.
    pub last_incoming_at: Option<DateTime<Utc>>,
    /// The contact is a group.
    pub is_group: bool,
    /// The conversation that goes on instead: both contacts are one person.
    pub merged_into: Option<ConversationId>,
    /// When it was put away.
    pub archived_at: Option<DateTime<Utc>>,
    /// When it began.
    pub created_at: DateTime<Utc>,
}

/// Which conversations are wanted; a condition that is `None` is none.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct ConversationFilter {
    /// Those of one number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_id: Option<NumberId>,
    /// Those with one contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// Those that are put away, or those that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
}

/// What to change; `None` leaves a field alone.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct UpdateConversation {
    /// A new agent, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<Option<AgentId>>,
    /// Until when agents keep silent, or that they need not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_paused_until: Option<Option<DateTime<Utc>>>,
    /// Put away, or taken out again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
}
