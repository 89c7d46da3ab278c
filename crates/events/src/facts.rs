//! Parts of events, and whole ones, that several services build of the same facts.

use chrono::{DateTime, Utc};
use sb_ids::{ContactId, ConversationId, EventId, MediaId, MessageId, NumberId, OrganizationId};

use crate::proto::media::v1::FetchMedia;
use crate::proto::message::v1::MessageRef;
use crate::proto::number::v1::NumberChanged;
use crate::{Origin, meta};

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessagePlace {
    /// The message.
    pub message: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The other side.
    pub contact: ContactId,
    /// Our side.
    pub number: NumberId,
    /// Its place in the conversation.
    pub sequence: i64,
}

impl MessagePlace {
    /// Points to the message in an event. `wamid` is empty before Meta has named it.
    pub fn named(self, wamid: impl Into<String>) -> Option<MessageRef> {
        Some(MessageRef {
            message_id: self.message.to_string(),
            conversation_id: self.conversation.to_string(),
            contact_id: self.contact.to_string(),
            number_id: self.number.to_string(),
            sequence: self.sequence,
            wamid: wamid.into(),
        })
    }
}

/// Columns of a number have other values now. Not derived from them: each commit that changes the row is another fact.
pub fn number_changed(
    organization: OrganizationId,
    number: NumberId,
    columns: &[&'static str],
    at: DateTime<Utc>,
) -> NumberChanged {
    NumberChanged {
        meta: Some(meta(
            EventId::new(at),
            at,
            organization,
            Origin::start(number.as_uuid()),
        )),
        number_id: number.to_string(),
        changed: columns.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// A file is asked for once more. Not derived from the file: it may be asked for any number of times.
pub fn fetch_media_again(
    organization: OrganizationId,
    media: MediaId,
    at: DateTime<Utc>,
) -> FetchMedia {
    FetchMedia {
        meta: Some(meta(
            EventId::new(at),
            at,
            organization,
            Origin::start(media.as_uuid()),
        )),
        media_id: media.to_string(),
    }
}
