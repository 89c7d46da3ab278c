//! Statements of dispatch: claiming what may be sent, and recording what became of it, for any tenants and in
//! batches.
//!
//! - The row is the truth. A claimed row is `sending`; `next_attempt_at` says when somebody has to look at it
//!   again, whatever its state is.
//! - **Invariant:** only the head of a conversation is claimed: the open message with the lowest sequence,
//!   where one whose `send_at` has not come yet does not count. So a retry holds its conversation back, and a
//!   scheduled message does not.
//! - What is recorded twice changes nothing and announces nothing.

mod claim;
mod due;
mod preparing;
mod record;
mod statuses;

use sb_events::MessagePlace;
use sb_ids::{ContactId, ConversationId, MessageId, NumberId, OrganizationId};

pub use claim::{Address, ClaimedMessage, SendingNumber};
pub use due::{LostMessage, SettledUnknown};
pub use record::{Acceptance, Attempt, AttemptOutcome, Refusal, RejectedToken};
pub use statuses::AdoptedStatus;

use crate::SystemTx;

/// A conversation that may have something to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationKey {
    /// The tenant.
    pub organization: OrganizationId,
    /// The number that sends.
    pub number: NumberId,
    /// The conversation.
    pub conversation: ConversationId,
}

/// Which row an outgoing message is, with everything events say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutgoingRef {
    /// The tenant.
    pub organization: OrganizationId,
    /// The message.
    pub message: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Who gets it.
    pub contact: ContactId,
    /// Who sends it.
    pub number: NumberId,
    /// Its place in the conversation.
    pub sequence: i64,
}

impl OutgoingRef {
    /// Where the message is, for events.
    pub const fn place(&self) -> MessagePlace {
        MessagePlace {
            message: self.message,
            conversation: self.conversation,
            contact: self.contact,
            number: self.number,
            sequence: self.sequence,
        }
    }

    /// The conversation.
    pub const fn key(&self) -> ConversationKey {
        ConversationKey {
            organization: self.organization,
            number: self.number,
            conversation: self.conversation,
        }
    }
}

/// Claims and records sends.
#[derive(Debug)]
pub struct Dispatch<'t>(&'t mut SystemTx);

impl SystemTx {
    /// The statements of dispatch; [`crate::SystemReason::Dispatch`].
    pub const fn dispatch(&mut self) -> Dispatch<'_> {
        Dispatch(self)
    }
}

/// One column of a batch, for `unnest`.
fn column<R, T>(rows: &[R], pick: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(pick).collect()
}
