//! Conversations: who answers, and until when free-form messages are possible.

pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;

use chrono::{DateTime, Utc};
use sb_db::Conversation;
use sb_domain::window::Window;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The thread between one of your numbers and one contact.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Conversation)]
pub(crate) struct ConversationResponse {
    /// Its id.
    id: Uuid,
    /// Your number.
    number_id: Uuid,
    /// The contact.
    contact_id: Uuid,
    /// The agent that answers here; null takes the number's, then the organization's.
    agent_id: Option<Uuid>,
    /// Agents keep silent until then, since a person has taken over.
    agent_paused_until: Option<DateTime<Utc>>,
    /// Anything may be sent until then; null: only templates.
    window_open_until: Option<DateTime<Utc>>,
    /// The highest `sequence` of its messages.
    last_sequence: i64,
    /// When a message was last added.
    last_message_at: Option<DateTime<Utc>>,
    /// When the contact last wrote.
    last_incoming_at: Option<DateTime<Utc>>,
    /// The contact is a group. Agents do not answer in groups unless this conversation names one, or the agent's
    /// configuration says `answers_in_groups`.
    is_group: bool,
    /// The conversation that goes on instead, since both contacts are one person. Messages sent here go there.
    merged_into: Option<Uuid>,
    /// When you put it away.
    archived_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl ConversationResponse {
    pub(crate) fn of(conversation: &Conversation, now: DateTime<Utc>) -> Self {
        Self {
            id: conversation.id.as_uuid(),
            number_id: conversation.number.as_uuid(),
            contact_id: conversation.contact.as_uuid(),
            agent_id: conversation.agent.map(Uuid::from),
            agent_paused_until: conversation.agent_paused_until,
            window_open_until: match conversation.window(now) {
                Window::OpenUntil(until) => Some(until),
                Window::Closed => None,
            },
            last_sequence: conversation.last_sequence,
            last_message_at: conversation.last_message_at,
            last_incoming_at: conversation.last_incoming_at,
            is_group: conversation.is_group,
            merged_into: conversation.merged_into.map(Uuid::from),
            archived_at: conversation.archived_at,
            created_at: conversation.created_at,
        }
    }
}
