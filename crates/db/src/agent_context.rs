//! What an agent needs to know to answer: itself, the contact, and the latest messages.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sb_domain::agent::AgentConfig;
use sb_domain::content::{Artifact, ArtifactKind, Direction, MessageContent, Part};
use sb_ids::{AgentId, ConversationId, MediaId, MessageId, NumberId};
use serde_json::Value;
use uuid::Uuid;

use crate::{DbError, TenantTx};

/// The agent that answers in a conversation, and the conversation.
#[derive(Clone)]
pub struct AnsweringAgent {
    /// The agent.
    pub id: AgentId,
    /// How it answers; `None` when the stored configuration cannot be read.
    pub config: Option<AgentConfig>,
    /// The model provider's key, sealed for `agents.model_key_sealed` of this agent.
    pub model_key_sealed: Option<Vec<u8>>,
    /// Our side of the conversation.
    pub number: NumberId,
    /// What the organization calls the contact; may be empty. Personal.
    pub contact_name: String,
}

impl std::fmt::Debug for AnsweringAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnsweringAgent")
            .field("id", &self.id)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Who wrote a message, as an agent sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The contact.
    Contact,
    /// An agent.
    Agent(AgentId),
    /// A person or a system of the organization.
    Organization,
}

/// One message of a conversation, as an agent sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextMessage {
    /// The message.
    pub id: MessageId,
    /// Its place in the conversation; 0 for one of a conversation that this one goes on for.
    pub sequence: i64,
    /// Who wrote it.
    pub author: Author,
    /// In a group: the name of the participant who wrote it. Personal.
    pub participant: Option<String>,
    /// What it says, with what annotation has added.
    pub content: MessageContent,
    /// Meta's id.
    pub wamid: Option<String>,
    /// When it was written.
    pub at: DateTime<Utc>,
}

/// Reads what agents need.
#[derive(Debug)]
pub struct AgentContexts<'t>(&'t mut TenantTx);

impl TenantTx {
    /// What the organization's agents need to know.
    pub const fn agent_contexts(&mut self) -> AgentContexts<'_> {
        AgentContexts(self)
    }
}

impl AgentContexts<'_> {
    /// The agent that answers in a conversation at `now`; `None` when none does: there is no agent, a person
    /// has taken over, or the organization is suspended.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn answering(
        &mut self,
        conversation: ConversationId,
        now: DateTime<Utc>,
    ) -> Result<Option<AnsweringAgent>, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT g.id, g.config, g.model_key_sealed, v.number_id,
                coalesce(nullif(c.name, ''), c.profile_name) AS "contact_name!"
            FROM sb_answering_agent($1, $2, $3) AS chosen
            JOIN agents g ON g.organization_id = $1 AND g.id = chosen.agent_id
            JOIN conversations v ON v.organization_id = $1 AND v.id = $2
            JOIN contacts c ON c.organization_id = $1 AND c.id = v.contact_id
            "#,
            self.0.organization().as_uuid(),
            conversation.as_uuid(),
            now,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("agent_context.answering"))?;
        Ok(row.map(|row| AnsweringAgent {
            id: row.id.into(),
            config: serde_json::from_value(row.config).ok(),
            model_key_sealed: row.model_key_sealed,
            number: row.number_id.into(),
            contact_name: row.contact_name,
        }))
    }

    /// The latest messages between the organization and the contact, oldest first, with those of the conversations
    /// that this one goes on for: they are the same person's. Leaves out what is internal,
    /// what never reached the contact, what was taken back, and what is to be sent after `now`.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn messages(
        &mut self,
        conversation: ConversationId,
        limit: u16,
        now: DateTime<Utc>,
    ) -> Result<Vec<ContextMessage>, DbError> {
        let rows = sqlx::query!(
            r#"
            WITH this AS (
                SELECT coalesce(merged_into, id) AS live
                FROM conversations
                WHERE organization_id = $1 AND id = $2
            ),
            family AS (
                SELECT live AS id FROM this
                UNION
                SELECT c.id FROM this JOIN conversations c ON c.organization_id = $1 AND c.merged_into = this.live
            )
            SELECT m.id AS "id!", CASE WHEN m.conversation_id = $2 THEN m.sequence ELSE 0 END AS "sequence!",
                m.direction AS "direction!", m.agent_id, m.content AS "content!", m.wamid,
                m.message_at AS "message_at!",
                (SELECT coalesce(nullif(p.name, ''), p.profile_name)
                 FROM contacts p
                 WHERE p.organization_id = $1 AND p.id = m.author_contact_id) AS participant
            FROM family
            CROSS JOIN LATERAL (
                SELECT id, conversation_id, sequence, direction, agent_id, content, wamid, message_at,
                    author_contact_id
                FROM messages
                WHERE organization_id = $1 AND conversation_id = family.id
                    AND direction IN ('incoming', 'outgoing') AND state NOT IN ('failed', 'canceled')
                    AND (state <> 'queued' OR send_at IS NULL OR send_at <= $4)
                    AND revoked_at IS NULL
                ORDER BY sequence DESC
                LIMIT $3
            ) AS m
            -- Places are those of one conversation; between several only the time orders.
            ORDER BY CASE WHEN (SELECT count(*) FROM family) > 1 THEN m.message_at END DESC NULLS LAST,
                m.sequence DESC
            LIMIT $3
            "#,
            self.0.organization().as_uuid(),
            conversation.as_uuid(),
            i64::from(limit),
            now,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("agent_context.messages"))?;
        let mut messages: Vec<ContextMessage> = rows
            .into_iter()
            .rev()
            .map(|row| ContextMessage {
                id: row.id.into(),
                sequence: row.sequence,
                author: author(&row.direction, row.agent_id),
                participant: row.participant,
                content: readable(row.content),
                wamid: row.wamid,
                at: row.message_at,
            })
            .collect();
        self.add_annotations(&mut messages).await?;
        Ok(messages)
    }

    /// Adds what annotation made of our stored files.
    async fn add_annotations(&mut self, messages: &mut [ContextMessage]) -> Result<(), DbError> {
        let files: Vec<Uuid> = messages
            .iter()
            .filter_map(|m| stored_file(&m.content))
            .map(Uuid::from)
            .collect();
        if files.is_empty() {
            return Ok(());
        }
        let rows = sqlx::query!(
            r#"
            SELECT media_id, kind, text
            FROM annotations
            WHERE organization_id = $1 AND media_id = ANY($2) AND state = 'done'
            ORDER BY media_id, kind
            "#,
            self.0.organization().as_uuid(),
            &files,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("agent_context.annotations"))?;
        let mut found: HashMap<MediaId, Vec<Artifact>> = HashMap::new();
        for row in rows {
            let kind = if row.kind == "transcription" {
                ArtifactKind::Transcription
            } else {
                ArtifactKind::Description
            };
            let artifact = Artifact {
                kind,
                text: row.text,
            };
            found.entry(row.media_id.into()).or_default().push(artifact);
        }
        for message in messages {
            let Some(artifacts) = stored_file(&message.content).and_then(|id| found.get(&id))
            else {
                continue;
            };
            for artifact in artifacts {
                let known = &mut message.content.artifacts;
                if !known.iter().any(|a| a.kind == artifact.kind) {
                    known.push(artifact.clone());
                }
            }
        }
        Ok(())
    }

    /// Whether anything was ever written to the contact here, or in a conversation that this one goes on for.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn has_outgoing(&mut self, conversation: ConversationId) -> Result<bool, DbError> {
        sqlx::query_scalar!(
            r#"
            SELECT EXISTS (
                SELECT 1 FROM messages
                WHERE organization_id = $1 AND direction = 'outgoing' AND conversation_id IN (
                    SELECT id FROM conversations WHERE organization_id = $1 AND (id = $2 OR merged_into = $2))
            ) AS "exists!"
            "#,
            self.0.organization().as_uuid(),
            conversation.as_uuid(),
        )
        .fetch_one(self.0.connection())
        .await
        .map_err(DbError::of("agent_context.has_outgoing"))
    }
}

fn author(direction: &str, agent: Option<Uuid>) -> Author {
    if direction == Direction::Incoming.as_str() {
        Author::Contact
    } else {
        agent.map_or(Author::Organization, |id| Author::Agent(id.into()))
    }
}

/// Content written by a newer version is shown as what it is: something unknown.
fn readable(content: Value) -> MessageContent {
    serde_json::from_value(content).unwrap_or_else(|_| {
        MessageContent::of(Part::Raw {
            meta_type: "unknown".to_owned(),
            raw: Value::Null,
        })
    })
}

const fn stored_file(content: &MessageContent) -> Option<MediaId> {
    if let Part::Media(media) = &content.part {
        media.media_id
    } else {
        None
    }
}
