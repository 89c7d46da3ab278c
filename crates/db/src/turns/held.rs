//! What a worker does with a turn it holds, in the tenant's own transaction.

use chrono::{DateTime, Utc};
use sb_ids::{ConversationId, MessageId, TurnId};

use super::HeldTurn;
use crate::{DbError, TenantTx};

/// Whether a turn was still its worker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "whoever does not hold the turn any more must not commit what it did"]
pub enum Finished {
    /// It was: what is written in the same transaction may commit.
    Held,
    /// A newer message, a person or another worker has it: roll back.
    Superseded,
}

impl Finished {
    /// It was the worker's.
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Held)
    }
}

/// Where a conversation's turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnState {
    /// Waits for its time.
    Due,
    /// A worker has it.
    Running,
    /// Answered, or needs no answer any more.
    Done,
    /// Given up; the error says why.
    Failed,
}

impl TurnState {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Due, Self::Running, Self::Done, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// The latest turn of a conversation, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnStatus {
    /// The turn.
    pub id: TurnId,
    /// Where it stands.
    pub state: TurnState,
    /// Raised by every message, claim and takeover.
    pub epoch: i64,
    /// The message that made it due.
    pub message: MessageId,
    /// When it is or was due.
    pub due_at: DateTime<Utc>,
    /// Attempts begun.
    pub attempts: u32,
    /// Why the last attempt failed; empty when none did.
    pub last_error: String,
    /// When the first attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The turns of one tenant.
#[derive(Debug)]
pub struct HeldTurns<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's turns.
    pub const fn turns(&mut self) -> HeldTurns<'_> {
        HeldTurns(self)
    }
}

const fn outcome(rows: u64) -> Finished {
    if rows == 1 {
        Finished::Held
    } else {
        Finished::Superseded
    }
}

impl HeldTurns<'_> {
    /// Ends a turn with the answer that is written in the same transaction. Locks the conversation, then the
    /// turn: a message, a takeover or a pause that commits first wins, a later one comes after the answer.
    /// `seen_sequence` is the last place the answer took into account: messages up to there have their answer,
    /// even when their event arrives later.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn finish(
        &mut self,
        held: HeldTurn,
        seen_sequence: i64,
        at: DateTime<Utc>,
    ) -> Result<Finished, DbError> {
        let done = sqlx::query!(
            r#"
            WITH conversation AS (
                SELECT id FROM conversations
                WHERE organization_id = $1 AND id = $2
                    AND is_ours
                    AND (agent_paused_until IS NULL OR agent_paused_until <= $5)
                FOR NO KEY UPDATE
            )
            UPDATE agent_turns t
            SET state = 'done',
                seen_sequence = greatest(t.seen_sequence, $4),
                lease_until = NULL,
                lease_owner = NULL,
                last_error = '',
                finished_at = $5,
                updated_at = $5
            FROM conversation
            WHERE t.organization_id = $1 AND t.conversation_id = conversation.id AND t.epoch = $3
                AND t.state = 'running'
            "#,
            self.0.organization().as_uuid(),
            held.key.conversation.as_uuid(),
            held.epoch,
            seen_sequence,
            at,
        )
        .execute(self.0.connection())
        .await
        .map_err(DbError::of("agent_turns.finish"))?;
        Ok(outcome(done.rows_affected()))
    }

    /// Ends a turn that needs no answer any more: nobody answers here now.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn drop_turn(
        &mut self,
        held: HeldTurn,
        at: DateTime<Utc>,
    ) -> Result<Finished, DbError> {
        let done = sqlx::query!(
            r#"
            UPDATE agent_turns
            SET state = 'done',
                lease_until = NULL,
                lease_owner = NULL,
                finished_at = $4,
                updated_at = $4
            WHERE organization_id = $1 AND conversation_id = $2 AND epoch = $3 AND state = 'running'
            "#,
            self.0.organization().as_uuid(),
            held.key.conversation.as_uuid(),
            held.epoch,
            at,
        )
        .execute(self.0.connection())
        .await
        .map_err(DbError::of("agent_turns.drop"))?;
        Ok(outcome(done.rows_affected()))
    }

    /// Gives a turn up, together with what is written about it in the same transaction. Locks as
    /// [`Self::finish`] does. The error is read by people: nothing personal or secret in it.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn fail(
        &mut self,
        held: HeldTurn,
        error: &str,
        at: DateTime<Utc>,
    ) -> Result<Finished, DbError> {
        let done = sqlx::query!(
            r#"
            WITH conversation AS (
                SELECT id FROM conversations
                WHERE organization_id = $1 AND id = $2
                FOR NO KEY UPDATE
            )
            UPDATE agent_turns t
            SET state = 'failed',
                lease_until = NULL,
                lease_owner = NULL,
                last_error = $4,
                finished_at = $5,
                updated_at = $5
            FROM conversation
            WHERE t.organization_id = $1 AND t.conversation_id = conversation.id AND t.epoch = $3
                AND t.state = 'running'
            "#,
            self.0.organization().as_uuid(),
            held.key.conversation.as_uuid(),
            held.epoch,
            error,
            at,
        )
        .execute(self.0.connection())
        .await
        .map_err(DbError::of("agent_turns.fail"))?;
        Ok(outcome(done.rows_affected()))
    }

    /// Puts a turn back for another attempt at `due_at`, because of `error`.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn retry(
        &mut self,
        held: HeldTurn,
        error: &str,
        due_at: DateTime<Utc>,
        at: DateTime<Utc>,
    ) -> Result<Finished, DbError> {
        let done = sqlx::query!(
            r#"
            UPDATE agent_turns
            SET state = 'due',
                epoch = epoch + 1,
                due_at = $5,
                lease_until = NULL,
                lease_owner = NULL,
                last_error = $4,
                updated_at = $6
            WHERE organization_id = $1 AND conversation_id = $2 AND epoch = $3 AND state = 'running'
            "#,
            self.0.organization().as_uuid(),
            held.key.conversation.as_uuid(),
            held.epoch,
            error,
            due_at,
            at,
        )
        .execute(self.0.connection())
        .await
        .map_err(DbError::of("agent_turns.retry"))?;
        Ok(outcome(done.rows_affected()))
    }

    /// Gives a turn back untried, for another worker to take at once: this one shuts down.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn release(
        &mut self,
        held: HeldTurn,
        at: DateTime<Utc>,
    ) -> Result<Finished, DbError> {
        let done = sqlx::query!(
            r#"
            UPDATE agent_turns
            SET state = 'due',
                epoch = epoch + 1,
                attempts = greatest(attempts - 1, 0),
                lease_until = NULL,
                lease_owner = NULL,
                updated_at = $4
            WHERE organization_id = $1 AND conversation_id = $2 AND epoch = $3 AND state = 'running'
            "#,
            self.0.organization().as_uuid(),
            held.key.conversation.as_uuid(),
            held.epoch,
            at,
        )
        .execute(self.0.connection())
        .await
        .map_err(DbError::of("agent_turns.release"))?;
        Ok(outcome(done.rows_affected()))
    }

    /// The latest turn of a conversation.
    ///
    /// # Errors
    /// [`DbError::Query`], or [`DbError::Inconsistent`] for an unknown state.
    pub async fn find(
        &mut self,
        conversation: ConversationId,
    ) -> Result<Option<TurnStatus>, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT id, state, epoch, message_id, due_at, attempts, last_error, started_at, finished_at
            FROM agent_turns
            WHERE organization_id = $1 AND conversation_id = $2
            "#,
            self.0.organization().as_uuid(),
            conversation.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("agent_turns.find"))?;
        row.map(|row| {
            Ok(TurnStatus {
                id: row.id.into(),
                state: TurnState::parse(&row.state).ok_or(DbError::Inconsistent {
                    table: "agent_turns",
                    column: "state",
                    id: row.id,
                })?,
                epoch: row.epoch,
                message: row.message_id.into(),
                due_at: row.due_at,
                attempts: u32::try_from(row.attempts).unwrap_or(0),
                last_error: row.last_error,
                started_at: row.started_at,
                finished_at: row.finished_at,
            })
        })
        .transpose()
    }
}
