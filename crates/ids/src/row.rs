//! Ids of our own rows: UUID v7, so that they sort by creation time.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};

use crate::InvalidId;

/// Makes a version 7 UUID for an instant; negative instants (before 1970) count as 1970.
fn v7(at: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(
        NoContext,
        seconds,
        at.timestamp_subsec_nanos(),
    ))
}

macro_rules! row_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new id whose order follows `at`.
            pub fn new(at: DateTime<Utc>) -> Self {
                Self(v7(at))
            }

            /// Wraps an id that comes from the database or the wire.
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare UUID, for the database.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// Parses the hyphenated form.
            ///
            /// # Errors
            /// [`InvalidId`] when the text is not a UUID.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| InvalidId { kind: stringify!($name) })
            }

            /// Derives the id that always belongs to `source` in the role `kind`.
            pub fn derive(source: Uuid, kind: &str) -> Self {
                Self(Uuid::new_v5(&source, kind.as_bytes()))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }
    )+};
}

row_id! {
    /// A tenant.
    OrganizationId,
    /// A person who signs in.
    UserId,
    /// A tenant's API key.
    ApiKeyId,
    /// A business phone number as a row of ours; Meta's own id is [`crate::PhoneNumberId`].
    NumberId,
    /// A person who talks to a tenant.
    ContactId,
    /// Two contacts being one person.
    ContactMergeId,
    /// The thread between one number and one contact.
    ConversationId,
    /// One message of a conversation.
    MessageId,
    /// A stored file.
    MediaId,
    /// A configured AI agent.
    AgentId,
    /// One run of an agent over a conversation.
    TurnId,
    /// An event or command on the bus.
    EventId,
    /// One HTTP POST of Meta's.
    PostId,
    /// An update that could not be handled and is kept.
    QuarantineId,
    /// A line of the audit log.
    AuditId,
    /// An address that WhatsApp Flows call for their screens.
    FlowEndpointId,
    /// The key pair of an account's flow endpoints.
    FlowKeyId,
    /// One call of such an address.
    FlowExchangeId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_they_were_made_for() {
        let early = DateTime::from_timestamp(1_000, 0).unwrap();
        let late = DateTime::from_timestamp(1_001, 0).unwrap();
        assert!(MessageId::new(early) < MessageId::new(late));
    }

    #[test]
    fn derived_ids_repeat_and_differ_by_kind() {
        let row = MessageId::new(DateTime::from_timestamp(1_000, 0).unwrap()).as_uuid();
        assert_eq!(EventId::derive(row, "a"), EventId::derive(row, "a"));
        assert_ne!(EventId::derive(row, "a"), EventId::derive(row, "b"));
    }
}
