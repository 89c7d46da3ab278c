//! The life of an outgoing message.
//!
//! `queued → sending → accepted → sent → delivered → read → played`, with `failed` from any state before
//! `delivered`, `unknown` when the answer to a send was lost, and `canceled` from `queued`. Statuses of
//! Meta come late, twice and out of order: applying one is never an error.

use serde::{Deserialize, Serialize};

/// Where an outgoing message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its turn, its pace or its `send_at`.
    Queued,
    /// Claimed by a dispatcher; the request may be on its way.
    Sending,
    /// The answer to the send was lost: Meta may or may not have it. Never resent blindly.
    Unknown,
    /// Meta answered 200 and gave a wamid.
    Accepted,
    /// Meta sent it to the phone.
    Sent,
    /// The phone has it.
    Delivered,
    /// The contact saw it.
    Read,
    /// The contact played the voice note.
    Played,
    /// It will not arrive; the error says why.
    Failed,
    /// Withdrawn before it was sent.
    Canceled,
}

/// What happens to an `unknown` message when no status says what became of it before the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// It stays `unknown` until a status or a person decides.
    #[default]
    Hold,
    /// It is sent once more: the contact may get it twice.
    Resend,
    /// It counts as failed: the contact may have it all the same.
    Fail,
}

impl OnUnknown {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Resend => "resend",
            Self::Fail => "fail",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "hold" => Some(Self::Hold),
            "resend" => Some(Self::Resend),
            "fail" => Some(Self::Fail),
            _ => None,
        }
    }
}

/// What Meta reports about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportedStatus {
    /// Left Meta's servers.
    Sent,
    /// Arrived on the phone.
    Delivered,
    /// Seen.
    Read,
    /// Voice note played.
    Played,
    /// Not deliverable.
    Failed,
}

/// What a report did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The state moved on.
    Changed(DeliveryState),
    /// The state already said as much or more.
    Ignored,
}

impl DeliveryState {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "queued" => Self::Queued,
            "sending" => Self::Sending,
            "unknown" => Self::Unknown,
            "accepted" => Self::Accepted,
            "sent" => Self::Sent,
            "delivered" => Self::Delivered,
            "read" => Self::Read,
            "played" => Self::Played,
            "failed" => Self::Failed,
            "canceled" => Self::Canceled,
            _ => return None,
        })
    }

    /// How far the message is known to have come; reports only ever raise it. The migration's
    /// `sb_delivery_rank` function is the same table (a test compares them).
    pub const fn rank(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Sending => 1,
            Self::Unknown => 2,
            Self::Accepted => 3,
            Self::Sent => 4,
            Self::Failed => 5,
            Self::Delivered => 6,
            Self::Read => 7,
            Self::Played => 8,
            Self::Canceled => 9,
        }
    }

    /// Takes a report into account. A `failed` after `sent` counts (Meta delivers asynchronously); a
    /// `delivered` after `failed` counts too, since the phone has the message.
    #[must_use]
    pub const fn apply(self, report: ReportedStatus) -> Applied {
        let next = report.state();
        if next.rank() > self.rank() {
            Applied::Changed(next)
        } else {
            Applied::Ignored
        }
    }

    /// Nothing more can be done by us.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Queued | Self::Sending | Self::Unknown)
    }
}

impl ReportedStatus {
    /// The state a report stands for.
    pub const fn state(self) -> DeliveryState {
        match self {
            Self::Sent => DeliveryState::Sent,
            Self::Delivered => DeliveryState::Delivered,
            Self::Read => DeliveryState::Read,
            Self::Played => DeliveryState::Played,
            Self::Failed => DeliveryState::Failed,
        }
    }

    /// Meta's word.
    pub const fn as_str(self) -> &'static str {
        self.state().as_str()
    }

    /// Reads Meta's word; `None` for one we do not know.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "sent" => Self::Sent,
            "delivered" => Self::Delivered,
            "read" => Self::Read,
            "played" => Self::Played,
            "failed" => Self::Failed,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REPORTS: [ReportedStatus; 5] = [
        ReportedStatus::Sent,
        ReportedStatus::Delivered,
        ReportedStatus::Read,
        ReportedStatus::Played,
        ReportedStatus::Failed,
    ];

    fn run(reports: &[ReportedStatus]) -> DeliveryState {
        reports
            .iter()
            .fold(DeliveryState::Accepted, |state, report| {
                match state.apply(*report) {
                    Applied::Changed(next) => next,
                    Applied::Ignored => state,
                }
            })
    }

    proptest! {
        #[test]
        fn any_order_of_reports_ends_in_the_same_state(
            picks in proptest::collection::vec(0_usize..5, 1..12),
            seed in any::<u64>(),
        ) {
            let reports: Vec<_> = picks.iter().map(|i| REPORTS[*i]).collect();
            let mut shuffled = reports.clone();
            let length = shuffled.len();
            for i in 0..length {
                let j = usize::try_from(seed.rotate_left(u32::try_from(i).unwrap()) % 97).unwrap() % length;
                shuffled.swap(i, j);
            }
            prop_assert_eq!(run(&reports), run(&shuffled));
        }
    }

    #[test]
    fn a_late_delivered_does_not_undo_read() {
        assert_eq!(
            DeliveryState::Read.apply(ReportedStatus::Delivered),
            Applied::Ignored
        );
    }

    #[test]
    fn a_status_resolves_a_lost_answer() {
        assert_eq!(
            DeliveryState::Unknown.apply(ReportedStatus::Sent),
            Applied::Changed(DeliveryState::Sent)
        );
    }
}
