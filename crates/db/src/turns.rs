//! Agent turns as workers of all tenants see them: asking for an answer, claiming what is due, keeping a lease.
//!
//! A conversation has one turn. Its **epoch** rises with every new message, claim and takeover, and every later
//! statement names the epoch it was begun with: whoever holds an older one changes nothing. What a worker does
//! with the turn it claimed is in [`HeldTurn`]'s statements, under the tenant's own transaction.

mod ask;
mod claim;
mod held;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sb_ids::{ConversationId, MessageId, OrganizationId, TurnId};
use sqlx::PgConnection;
use uuid::Uuid;

pub use held::{Finished, HeldTurns, TurnState, TurnStatus};

use crate::SystemTx;

/// Trace headers of whoever asked, carried to the answer.
pub type TurnTrace = BTreeMap<String, String>;

/// A conversation of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TurnKey {
    /// The tenant.
    pub organization: OrganizationId,
    /// The conversation.
    pub conversation: ConversationId,
}

/// A turn as one worker holds it: worthless once the epoch has moved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeldTurn {
    /// Whose turn.
    pub key: TurnKey,
    /// The epoch it was claimed with.
    pub epoch: i64,
}

/// A message that wants an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnRequest {
    /// Where it was written.
    pub key: TurnKey,
    /// The message.
    pub message: MessageId,
    /// Its place in the conversation.
    pub sequence: i64,
    /// The chain it belongs to.
    pub correlation: Option<Uuid>,
    /// The trace it belongs to.
    pub trace: TurnTrace,
}

/// A turn that a message made due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedTurn {
    /// Whose turn.
    pub key: TurnKey,
    /// The epoch it has now; whoever worked under a lower one can stop.
    pub epoch: i64,
    /// When it is to be answered.
    pub due_at: DateTime<Utc>,
}

/// What one claim may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnClaim {
    /// The process that claims.
    pub owner: Uuid,
    /// Turns at most.
    pub limit: u32,
    /// Turns of one tenant that this process may hold at most, those it already holds included.
    pub per_organization: u32,
    /// Until when the process owns them without renewing.
    pub lease_until: DateTime<Utc>,
}

/// A turn to be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedTurn {
    /// Whose turn, and the epoch to name from now on.
    pub held: HeldTurn,
    /// The turn.
    pub id: TurnId,
    /// The message that made it due.
    pub message: MessageId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// The chain it belongs to.
    pub correlation: Option<Uuid>,
    /// The trace it belongs to.
    pub trace: TurnTrace,
}

/// The turns of all tenants.
#[derive(Debug)]
pub struct TurnQueue<'t> {
    connection: &'t mut PgConnection,
}

impl SystemTx {
    /// The turns of all tenants; [`crate::SystemReason::Turns`].
    pub fn turns(&mut self) -> TurnQueue<'_> {
        TurnQueue {
            connection: self.connection(),
        }
    }
}

/// Columns of held turns, for `unnest`.
fn columns(held: &[HeldTurn]) -> (Vec<Uuid>, Vec<Uuid>, Vec<i64>) {
    (
        held.iter().map(|h| h.key.organization.as_uuid()).collect(),
        held.iter().map(|h| h.key.conversation.as_uuid()).collect(),
        held.iter().map(|h| h.epoch).collect(),
    )
}
