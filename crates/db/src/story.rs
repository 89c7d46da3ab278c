//! Everything that is known about one message, for `switchboard why`.

use chrono::{DateTime, Utc};
use sb_ids::{ConversationId, MessageId, OrganizationId};
use serde_json::Value;
use uuid::Uuid;

use crate::{DbError, SystemTx};

/// A message's row without what it says.
#[derive(Debug, Clone)]
pub struct MessageStory {
    /// The tenant.
    pub organization: OrganizationId,
    /// The message.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Meta's id.
    pub wamid: Option<String>,
    /// incoming, outgoing or internal.
    pub direction: String,
    /// text, image, …
    pub content_type: String,
    /// Where it stands.
    pub state: String,
    /// Place in the conversation.
    pub sequence: i64,
    /// Tries to send it.
    pub attempts: i32,
    /// Our code of the last refusal.
    pub error_code: Option<String>,
    /// Meta's error object of the last refusal.
    pub error: Option<Value>,
    /// The post it came in.
    pub post: Option<Uuid>,
    /// That post's place in UPDATES.
    pub source_sequence: Option<i64>,
    /// The agent that wrote it.
    pub agent: Option<Uuid>,
    /// What happened when, oldest first.
    pub hops: Vec<Hop>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub what: String,
    /// Details: error codes, states.
    pub detail: String,
}

/// The stories of messages.
#[derive(Debug)]
pub struct Stories<'t>(&'t mut SystemTx);

impl SystemTx {
    /// The stories of messages of all tenants.
    pub const fn stories(&mut self) -> Stories<'_> {
        Stories(self)
    }
}

fn hop(at: Option<DateTime<Utc>>, what: &str) -> Option<Hop> {
    at.map(|at| Hop {
        at,
        what: what.to_owned(),
        detail: String::new(),
    })
}

/// Meta's clock counts whole seconds: a status cannot have come before the answer to the send.
fn after(
    accepted: Option<DateTime<Utc>>,
    reported: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    reported.map(|at| accepted.map_or(at, |accepted| at.max(accepted)))
}

impl Stories<'_> {
    /// Messages with this id or wamid; several tenants can know the same wamid.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn find(
        &mut self,
        id: Option<Uuid>,
        wamid: &str,
    ) -> Result<Vec<MessageStory>, DbError> {
        let rows = sqlx::query!(
            r#"
            SELECT organization_id, id, conversation_id, wamid, direction, content_type, state, sequence, attempts,
                   error_code, error, post_id, source_sequence, agent_id, received_at, message_at, created_at,
                   sending_at, accepted_at, sent_at, delivered_at, read_at, failed_at, next_attempt_at
            FROM messages
            WHERE id = $1 OR wamid = $2
            "#,
            id,
            wamid,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.story"))?;
        let mut stories = Vec::with_capacity(rows.len());
        for row in rows {
            let written = if row.direction == "incoming" {
                "contact sent it"
            } else {
                "written"
            };
            let hops = [
                hop(Some(row.message_at), written),
                hop(row.received_at, "webhook accepted the post"),
                hop(Some(row.created_at), "stored"),
                hop(row.sending_at, "last try to send began"),
                hop(row.accepted_at, "Meta accepted it"),
                hop(after(row.accepted_at, row.sent_at), "sent to the phone"),
                hop(after(row.accepted_at, row.delivered_at), "delivered"),
                hop(after(row.accepted_at, row.read_at), "read"),
                hop(after(row.accepted_at, row.failed_at), "failed"),
            ];
            let mut story = MessageStory {
                organization: row.organization_id.into(),
                id: row.id.into(),
                conversation: row.conversation_id.into(),
                wamid: row.wamid,
                direction: row.direction,
                content_type: row.content_type,
                state: row.state,
                sequence: row.sequence,
                attempts: row.attempts,
                error_code: row.error_code,
                error: row.error,
                post: row.post_id,
                source_sequence: row.source_sequence,
                agent: row.agent_id,
                hops: hops.into_iter().flatten().collect(),
            };
            story
                .hops
                .extend(hop(row.next_attempt_at, "next try is due"));
            self.attempts(&mut story).await?;
            self.turn(&mut story).await?;
            story.hops.sort_by_key(|hop| hop.at);
            stories.push(story);
        }
        Ok(stories)
    }

    async fn attempts(&mut self, story: &mut MessageStory) -> Result<(), DbError> {
        let rows = sqlx::query!(
            r#"
            SELECT attempt, started_at, finished_at, outcome, error_code
            FROM send_attempts
            WHERE organization_id = $1 AND message_id = $2
            "#,
            story.organization.as_uuid(),
            story.id.as_uuid(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("send_attempts.story"))?;
        story.hops.extend(rows.into_iter().map(|row| Hop {
            at: row.finished_at,
            what: format!("try {} ended: {}", row.attempt, row.outcome),
            detail: format!(
                "{} after {} ms",
                row.error_code,
                (row.finished_at - row.started_at).num_milliseconds()
            ),
        }));
        Ok(())
    }

    /// The agent's turn, when this message is the one it was due for or the answer it wrote.
    async fn turn(&mut self, story: &mut MessageStory) -> Result<(), DbError> {
        let row = sqlx::query!(
            r#"
            SELECT state, due_at, started_at, finished_at, attempts, last_error
            FROM agent_turns
            WHERE organization_id = $1 AND conversation_id = $2 AND message_id = $3
            "#,
            story.organization.as_uuid(),
            story.conversation.as_uuid(),
            story.id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("agent_turns.story"))?;
        let Some(row) = row else { return Ok(()) };
        story
            .hops
            .extend(hop(Some(row.due_at), "agent's turn was due"));
        story.hops.extend(hop(row.started_at, "agent began"));
        if let Some(at) = row.finished_at {
            story.hops.push(Hop {
                at,
                what: format!("agent's turn ended: {}", row.state),
                detail: format!("{} tries {}", row.attempts, row.last_error)
                    .trim_end()
                    .to_owned(),
            });
        }
        Ok(())
    }

    /// Messages that the agent's turn for this one wrote.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn answers(&mut self, story: &MessageStory) -> Result<Vec<MessageId>, DbError> {
        let next_question = sqlx::query_scalar!(
            r#"
            SELECT id FROM messages
            WHERE organization_id = $1 AND conversation_id = $2 AND sequence > $3 AND agent_id IS NOT NULL
              AND sequence < coalesce((
                  SELECT min(sequence) FROM messages
                  WHERE organization_id = $1 AND conversation_id = $2 AND sequence > $3 AND direction = 'incoming'),
                  9223372036854775807)
            ORDER BY sequence
            "#,
            story.organization.as_uuid(),
            story.conversation.as_uuid(),
            story.sequence,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.answers"))?;
        Ok(next_question.into_iter().map(MessageId::from).collect())
    }
}
