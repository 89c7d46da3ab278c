//! Conversations: one for each number and contact.

use chrono::{DateTime, Utc};
use sb_domain::window::Window;
use sb_ids::{AgentId, ContactId, ConversationId, NumberId};
use uuid::Uuid;

use crate::{ActivityKey, DbError, Identity, Page, PageRequest, TenantTx};

/// The thread between one number and one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Our side.
    pub number: NumberId,
    /// The other side.
    pub contact: ContactId,
    /// The agent that answers here, before the number's and the organization's.
    pub agent: Option<AgentId>,
    /// A person has taken over until then.
    pub agent_paused_until: Option<DateTime<Utc>>,
    /// The highest sequence given out.
    pub last_sequence: i64,
    /// When a message was last added.
    pub last_message_at: Option<DateTime<Utc>>,
    /// When the contact last wrote.
    pub last_incoming_at: Option<DateTime<Utc>>,
    /// Orders the list; [`Self::last_message_at`] to the minute.
    pub active_at: DateTime<Utc>,
    /// When it was put away.
    pub archived_at: Option<DateTime<Utc>>,
    /// The other side is a group.
    pub is_group: bool,
    /// The conversation that goes on instead, since both contacts are one person.
    pub merged_into: Option<ConversationId>,
    /// When it began.
    pub created_at: DateTime<Utc>,
}

impl Conversation {
    /// Whether anything but templates may be sent.
    pub fn window(&self, now: DateTime<Utc>) -> Window {
        Window::at(now, self.last_incoming_at)
    }
}

/// Which conversations are wanted; a condition that is `None` is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConversationFilter {
    /// Those of one number.
    pub number: Option<NumberId>,
    /// Those of one contact, with those of the contacts it stands for.
    pub contact: Option<ContactId>,
    /// Those that are put away, or those that are not.
    pub archived: Option<bool>,
}

/// What to change of a conversation; `None` leaves a field alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConversationChange {
    /// A new agent, or none.
    pub agent: Option<Option<AgentId>>,
    /// Until when agents keep silent, or that they need not.
    pub agent_paused_until: Option<Option<DateTime<Utc>>>,
    /// Put away, or taken out again.
    pub archived: Option<bool>,
}

struct ConversationRow {
    id: Uuid,
    number_id: Uuid,
    contact_id: Uuid,
    agent_id: Option<Uuid>,
    agent_paused_until: Option<DateTime<Utc>>,
    last_sequence: i64,
    last_message_at: Option<DateTime<Utc>>,
    last_incoming_at: Option<DateTime<Utc>>,
    active_at: DateTime<Utc>,
    archived_at: Option<DateTime<Utc>>,
    is_group: bool,
    merged_into: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl From<ConversationRow> for Conversation {
    fn from(row: ConversationRow) -> Self {
        Self {
            id: row.id.into(),
            number: row.number_id.into(),
            contact: row.contact_id.into(),
            agent: row.agent_id.map(Into::into),
            agent_paused_until: row.agent_paused_until,
            last_sequence: row.last_sequence,
            last_message_at: row.last_message_at,
            last_incoming_at: row.last_incoming_at,
            active_at: row.active_at,
            archived_at: row.archived_at,
            is_group: row.is_group,
            merged_into: row.merged_into.map(ConversationId::from),
            created_at: row.created_at,
        }
    }
}

macro_rules! conversations {
    ($before:tt $after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ConversationRow,
            $before
                + " id, number_id, contact_id, agent_id, agent_paused_until, last_sequence, last_message_at,
                    last_incoming_at, active_at, archived_at, is_group, merged_into, created_at "
                + $after,
            $($argument),*
        )
    };
}

/// The conversations of one organization.
#[derive(Debug)]
pub struct Conversations<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's conversations.
    pub const fn conversations(&mut self) -> Conversations<'_> {
        Conversations(self)
    }
}

impl Conversations<'_> {
    /// Finds one.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(&mut self, id: ConversationId) -> Result<Option<Conversation>, DbError> {
        let row = conversations!(
            "SELECT"
            "FROM conversations WHERE organization_id = $1 AND id = $2",
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("conversations.find"))?;
        Ok(row.map(Conversation::from))
    }

    /// Lists them, the most active first. Those that others go on for are left out unless a contact is named.
    ///
    /// # Errors
    /// A query error.
    pub async fn list(
        &mut self,
        filter: ConversationFilter,
        request: PageRequest<ActivityKey>,
    ) -> Result<Page<Conversation, ActivityKey>, DbError> {
        let rows = conversations!(
            "SELECT"
            "
            FROM conversations
            WHERE organization_id = $1
                AND ($2::uuid IS NULL OR number_id = $2)
                AND CASE
                    WHEN $3::uuid IS NULL THEN merged_into IS NULL
                    ELSE contact_id = $3 OR merged_into IN (
                        SELECT l.id FROM conversations l WHERE l.organization_id = $1 AND l.contact_id = $3)
                    END
                AND ($4::boolean IS NULL OR (archived_at IS NOT NULL) = $4)
                AND ($5::timestamptz IS NULL OR (active_at, id) < ($5, $6))
            ORDER BY active_at DESC, id DESC
            LIMIT $7",
            self.0.organization().as_uuid(),
            filter.number.map(Uuid::from),
            filter.contact.map(Uuid::from),
            filter.archived,
            request.after.map(|key| key.at),
            request.after.map(|key| key.id),
            request.probe(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("conversations.list"))?;
        let items = rows.into_iter().map(Conversation::from).collect();
        Ok(
            request.page(items, |conversation: &Conversation| ActivityKey {
                at: conversation.active_at,
                id: conversation.id.as_uuid(),
            }),
        )
    }

    /// The conversation of a number with whoever has an identity; contact and conversation are made when
    /// there are none. Safe to repeat: both rest on unique keys.
    ///
    /// # Errors
    /// [`DbError::Dangling`] when the number is not this organization's, or a query error.
    pub async fn open(
        &mut self,
        number: NumberId,
        identity: &Identity,
        at: DateTime<Utc>,
    ) -> Result<Conversation, DbError> {
        let contact = self.0.contacts().find_or_insert(identity, at).await?;
        let made = conversations!(
            "
            INSERT INTO conversations (organization_id, id, number_id, contact_id, active_at, created_at)
            VALUES ($1, $2, $3, $4, $5, $5)
            ON CONFLICT (organization_id, number_id, contact_id) DO NOTHING
            RETURNING"
            "",
            self.0.organization().as_uuid(),
            ConversationId::new(at).as_uuid(),
            number.as_uuid(),
            contact.as_uuid(),
            at,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("conversations.insert"))?;
        if let Some(row) = made {
            return Ok(row.into());
        }
        conversations!(
            "SELECT"
            "FROM conversations WHERE organization_id = $1 AND number_id = $2 AND contact_id = $3",
            self.0.organization().as_uuid(),
            number.as_uuid(),
            contact.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("conversations.find_by_contact"))?
        .map(Conversation::from)
        .ok_or(DbError::Missing {
            table: "conversations",
            id: contact.as_uuid(),
        })
    }

    /// Changes one. A pause also takes the running turn from its worker, so that no answer of before arrives.
    ///
    /// # Errors
    /// [`DbError::Dangling`] when the agent is not this organization's, or a query error.
    pub async fn update(
        &mut self,
        id: ConversationId,
        change: ConversationChange,
        at: DateTime<Utc>,
    ) -> Result<Option<Conversation>, DbError> {
        let row = conversations!(
            "
            UPDATE conversations
            SET agent_id = CASE WHEN $3 THEN $4 ELSE agent_id END,
                agent_paused_until = CASE WHEN $5 THEN $6 ELSE agent_paused_until END,
                agent_paused_at = CASE WHEN $6::timestamptz IS NULL THEN agent_paused_at ELSE $8 END,
                archived_at = CASE
                    WHEN $7::boolean IS NULL THEN archived_at
                    WHEN $7 THEN coalesce(archived_at, $8)
                END
            WHERE organization_id = $1 AND id = $2
            RETURNING"
            "",
            self.0.organization().as_uuid(),
            id.as_uuid(),
            change.agent.is_some(),
            change.agent.flatten().map(Uuid::from),
            change.agent_paused_until.is_some(),
            change.agent_paused_until.flatten(),
            change.archived,
            at,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("conversations.update"))?;
        if row.is_some()
            && change
                .agent_paused_until
                .flatten()
                .is_some_and(|until| until > at)
        {
            self.end_turn(id, at).await?;
        }
        Ok(row.map(Conversation::from))
    }

    /// Raises the epoch under which an answer would commit.
    async fn end_turn(&mut self, id: ConversationId, at: DateTime<Utc>) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE agent_turns
            SET epoch = epoch + 1,
                state = 'done',
                lease_until = NULL,
                lease_owner = NULL,
                finished_at = $3,
                updated_at = $3
            WHERE organization_id = $1 AND conversation_id = $2 AND state IN ('due', 'running')
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
            at,
        )
        .execute(self.0.connection())
        .await
        .map(drop)
        .map_err(DbError::of("agent_turns.end"))
    }
}
