//! The events that follow from rows.

use sb_db::DbError;
use sb_db::dispatch::AdoptedStatus;
use sb_db::ingest::{AppliedChange, AppliedStatus, KnownMessage, MessageSource, NewIngested};
use sb_domain::content::Direction;
use sb_events::proto::message::v1::{
    MessageEchoed, MessageEdited, MessageImported, MessageReceived, MessageRevoked,
    MessageStatusChanged,
};
use sb_events::{Addressed, Event, MessagePlace, Origin, Topology, meta, micros};
use sb_ids::{ConversationId, EventId, MessageId};

use super::plan::Reported;
use super::store::Addressee;

/// Larger content stays in the row: an event that no server takes would hold up every other one.
const CONTENT_MAX: usize = 256 * 1024;

pub(super) fn bounded(json: &str) -> String {
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

    /// A message that was written elsewhere is a row now.
    pub(crate) fn written(
        &self,
        row: &NewIngested,
        (id, conversation, sequence): (MessageId, ConversationId, i64),
    ) -> Result<Addressed, DbError> {
        let fact = |kind: &str| {
            meta(
                EventId::derive(id.as_uuid(), kind),
                row.received_at,
                row.organization,
                Origin::start(row.post.as_uuid()),
            )
        };
        let place = MessagePlace {
            message: id,
            conversation,
            contact: row.contact,
            number: row.number,
            sequence,
        };
        let message = place.named(&row.wamid);
        let (content_type, content_json) =
            (row.content_type.to_owned(), bounded(&row.content_json));
        let sent_at_us = micros(row.message_at);
        let addressed = match (row.source, row.direction) {
            (MessageSource::History, direction) => Addressed::new(
                &self.0,
                &MessageImported {
                    meta: Some(fact("message.imported")),
                    message,
                    direction: direction.as_str().to_owned(),
                    content_type,
                    content_json,
                    sent_at_us,
                },
            ),
            (source, Direction::Outgoing) => Addressed::new(
                &self.0,
                &MessageEchoed {
                    meta: Some(fact("message.echoed")),
                    message,
                    content_type,
                    content_json,
                    sent_at_us,
                    source: source.as_str().to_owned(),
                },
            ),
            (source, Direction::Incoming | Direction::Internal) => Addressed::new(
                &self.0,
                &MessageReceived {
                    meta: Some(fact("message.received")),
                    message,
                    content_type,
                    content_json,
                    sent_at_us,
                    standby: source == MessageSource::Standby,
                    author_contact_id: row.author.map(|id| id.to_string()).unwrap_or_default(),
                },
            ),
        };
        addressed.map_err(DbError::Event)
    }

    /// A placeholder of the past has its file.
    pub(crate) fn filled(
        &self,
        row: &NewIngested,
        known: &KnownMessage,
    ) -> Result<Addressed, DbError> {
        let place = MessagePlace {
            message: known.id,
            conversation: known.conversation,
            contact: row.contact,
            number: row.number,
            sequence: known.sequence,
        };
        let event = MessageEdited {
            meta: Some(meta(
                EventId::derive(known.id.as_uuid(), "message.filled"),
                row.received_at,
                row.organization,
                Origin::start(row.post.as_uuid()),
            )),
            message: place.named(&row.wamid),
            content_type: row.content_type.to_owned(),
            content_json: bounded(&row.content_json),
            edited_at_us: micros(row.message_at),
        };
        Addressed::new(&self.0, &event).map_err(DbError::Event)
    }

    /// A message says something else, or was taken back.
    pub(crate) fn changed(&self, change: &AppliedChange) -> Result<Addressed, DbError> {
        let fact = |kind: &str| {
            let name = format!("message.{kind}.{}", change.change_wamid);
            meta(
                EventId::derive(change.message.as_uuid(), &name),
                change.received_at,
                change.organization,
                Origin::start(change.post.as_uuid()),
            )
        };
        let message = change.place().named(&change.wamid);
        let at_us = micros(change.changed_at);
        let addressed = match &change.content {
            Some((content_type, content)) => Addressed::new(
                &self.0,
                &MessageEdited {
                    meta: Some(fact("edited")),
                    message,
                    content_type: content_type.clone(),
                    content_json: bounded(&content.to_string()),
                    edited_at_us: at_us,
                },
            ),
            None => Addressed::new(
                &self.0,
                &MessageRevoked {
                    meta: Some(fact("revoked")),
                    message,
                    revoked_at_us: at_us,
                },
            ),
        };
        addressed.map_err(DbError::Event)
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
            message: applied.place().named(&update.wamid),
            status: update.status.clone(),
            status_at_us: micros(update.at),
            status_json: bounded(&update.raw_json),
        };
        Addressed::new(&self.0, &event).map_err(DbError::Event)
    }

    /// A status that came before its message.
    pub(crate) fn adopted(&self, status: &AdoptedStatus) -> Result<Addressed, DbError> {
        let outgoing = &status.outgoing;
        let fact = format!("message.status.{}.{}", status.status, status.recipient);
        let event = MessageStatusChanged {
            meta: Some(meta(
                EventId::derive(outgoing.message.as_uuid(), &fact),
                status.at,
                outgoing.organization,
                Origin::start(outgoing.message.as_uuid()),
            )),
            message: outgoing.place().named(&status.wamid),
            status: status.status.clone(),
            status_at_us: micros(status.at),
            status_json: bounded(&status.raw.to_string()),
        };
        Addressed::new(&self.0, &event).map_err(DbError::Event)
    }

    /// Any other event about a kept update.
    pub(crate) fn told<E: Event>(&self, event: &E) -> Result<Addressed, DbError> {
        Addressed::new(&self.0, event).map_err(DbError::Event)
    }
}
