//! The events that follow from rows.

use sb_db::DbError;
use sb_db::ingest::{AppliedStatus, NewIncoming};
use sb_events::proto::message::v1::{MessageReceived, MessageRef, MessageStatusChanged};
use sb_events::{Addressed, Origin, Topology, meta, micros};
use sb_ids::{ConversationId, EventId, MessageId};

use super::plan::Reported;
use super::store::Addressee;

/// Larger content stays in the row: an event that no server takes would hold up every other one.
const CONTENT_MAX: usize = 256 * 1024;

fn bounded(json: &str) -> String {
    if json.len() > CONTENT_MAX {
        String::new()
    } else {
        json.to_owned()
    }
}

/// Builds events; the same row and fact always give the same event id.
#[derive(Debug)]
pub(crate) struct Announcer(Topology);

impl Announcer {
    pub(crate) const fn new(topology: Topology) -> Self {
        Self(topology)
    }

    pub(crate) fn received(
        &self,
        row: &NewIncoming,
        (id, conversation, sequence): (MessageId, ConversationId, i64),
    ) -> Result<Addressed, DbError> {
        let event = MessageReceived {
            meta: Some(meta(
                EventId::derive(id.as_uuid(), "message.received"),
                row.received_at,
                row.organization,
                Origin::start(row.post.as_uuid()),
            )),
            message: Some(MessageRef {
                message_id: id.to_string(),
                conversation_id: conversation.to_string(),
                contact_id: row.contact.to_string(),
                number_id: row.number.to_string(),
                sequence,
                wamid: row.wamid.clone(),
            }),
            content_type: row.content_type.to_owned(),
            content_json: bounded(&row.content_json),
            sent_at_us: micros(row.message_at),
        };
        Addressed::new(&self.0, &event).map_err(DbError::Event)
    }

    pub(crate) fn status(
        &self,
        status: &Addressee<'_, Reported>,
        applied: AppliedStatus,
    ) -> Result<Addressed, DbError> {
        let update = status.update;
        let fact = format!("message.status.{}.{}", update.status, update.recipient);
        let event = MessageStatusChanged {
            meta: Some(meta(
                EventId::derive(applied.message.as_uuid(), &fact),
                status.unit.source.received_at,
                applied.organization,
                Origin::start(status.unit.source.post.as_uuid()),
            )),
            message: Some(MessageRef {
                message_id: applied.message.to_string(),
                conversation_id: applied.conversation.to_string(),
                contact_id: applied.contact.to_string(),
                number_id: applied.number.to_string(),
                sequence: applied.sequence,
                wamid: update.wamid.clone(),
            }),
            status: update.status.clone(),
            status_at_us: micros(update.at),
            status_json: bounded(&update.raw_json),
        };
        Addressed::new(&self.0, &event).map_err(DbError::Event)
    }
}
