//! The events that follow from what the dispatcher records. The same row and fact always give the same event
//! id, so that a repetition is recognised.

use chrono::{DateTime, Utc};
use sb_db::DbError;
use sb_db::dispatch::{AdoptedStatus, ConversationKey, OutgoingRef, Refusal, SettledUnknown};
use sb_domain::delivery::DeliveryState;
use sb_events::proto::dispatch::v1::SendMessage;
use sb_events::proto::message::v1::{MessageAccepted, MessageFailed, MessageStatusChanged};
use sb_events::{Addressed, MalformedEvent, Origin, Topology, meta, micros, number_changed};
use sb_ids::{EventId, NumberId, OrganizationId, Wamid};
use serde_json::Value;

/// Builds events.
#[derive(Debug, Clone)]
pub(crate) struct Announcer(Topology);

/// An outcome of one message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fact {
    /// The message.
    pub(crate) outgoing: OutgoingRef,
    /// Which attempt it was.
    pub(crate) attempt: i32,
    /// What it follows from.
    pub(crate) origin: Origin,
    /// When it became known.
    pub(crate) at: DateTime<Utc>,
}

impl Announcer {
    /// For the names of one installation.
    pub(crate) const fn new(topology: Topology) -> Self {
        Self(topology)
    }

    /// Meta has the message.
    pub(crate) fn accepted(&self, fact: Fact, wamid: &Wamid) -> Result<Addressed, DbError> {
        let outgoing = &fact.outgoing;
        let event = MessageAccepted {
            meta: Some(meta(
                EventId::derive(outgoing.message.as_uuid(), "message.accepted"),
                fact.at,
                outgoing.organization,
                fact.origin,
            )),
            message: outgoing.place().named(wamid.as_str()),
        };
        Addressed::new(&self.0, &event).map_err(DbError::Event)
    }

    /// The message will not be sent, or nobody knows whether it was.
    pub(crate) fn failed(&self, fact: Fact, refusal: &Refusal) -> Result<Addressed, DbError> {
        let error = Some(&refusal.error).filter(|error| !error.is_null());
        let error_json = error.map_or_else(String::new, Value::to_string);
        self.not_sent(fact, refusal.state, &refusal.error_code, error_json)
    }

    /// Whoever sent the message ended before it could say what became of it.
    pub(crate) fn interrupted(
        &self,
        outgoing: &OutgoingRef,
        attempt: i32,
        code: &str,
        at: DateTime<Utc>,
    ) -> Result<Addressed, DbError> {
        let fact = Fact {
            outgoing: *outgoing,
            attempt,
            origin: Origin::start(outgoing.message.as_uuid()),
            at,
        };
        self.not_sent(fact, DeliveryState::Unknown, code, String::new())
    }

    /// Nothing was heard of the message, and its sender wanted that to count as a failure.
    pub(crate) fn never_known(
        &self,
        unknown: &SettledUnknown,
        code: &str,
        at: DateTime<Utc>,
    ) -> Result<Addressed, DbError> {
        let fact = Fact {
            outgoing: unknown.outgoing,
            attempt: unknown.attempt,
            origin: Origin::start(unknown.outgoing.message.as_uuid()),
            at,
        };
        self.not_sent(fact, DeliveryState::Failed, code, String::new())
    }

    fn not_sent(
        &self,
        fact: Fact,
        state: DeliveryState,
        code: &str,
        error_json: String,
    ) -> Result<Addressed, DbError> {
        let outgoing = &fact.outgoing;
        // A message can be unknown once an attempt, and fail after that.
        let kind = format!("message.{}.{}", state.as_str(), fact.attempt);
        let event = MessageFailed {
            meta: Some(meta(
                EventId::derive(outgoing.message.as_uuid(), &kind),
                fact.at,
                outgoing.organization,
                fact.origin,
            )),
            message: outgoing.place().named(""),
            state: state.as_str().to_owned(),
            code: code.to_owned(),
            error_json,
        };
        Addressed::new(&self.0, &event).map_err(DbError::Event)
    }

    /// A status that had been kept has found its message. Ingest gives the same fact the same id.
    pub(crate) fn status(&self, status: &AdoptedStatus) -> Result<Addressed, DbError> {
        let outgoing = &status.outgoing;
        let kind = format!("message.status.{}.{}", status.status, status.recipient);
        let event = MessageStatusChanged {
            meta: Some(meta(
                EventId::derive(outgoing.message.as_uuid(), &kind),
                status.at,
                outgoing.organization,
                Origin::start(outgoing.message.as_uuid()),
            )),
            message: outgoing.place().named(&status.wamid),
            status: status.status.clone(),
            status_at_us: micros(status.at),
            status_json: status.raw.to_string(),
        };
        Addressed::new(&self.0, &event).map_err(DbError::Event)
    }

    /// Meta refused the number's token.
    pub(crate) fn token_rejected(
        &self,
        organization: OrganizationId,
        number: NumberId,
        at: DateTime<Utc>,
    ) -> Result<Addressed, DbError> {
        let event = number_changed(organization, number, &["token_rejected_at"], at);
        Addressed::new(&self.0, &event).map_err(DbError::Event)
    }

    /// A command to look at a conversation, for whoever owns its number. It speaks of no message in
    /// particular.
    pub(crate) fn nudge(
        &self,
        key: &ConversationKey,
        at: DateTime<Utc>,
    ) -> Result<Addressed, MalformedEvent> {
        let command = SendMessage {
            meta: Some(meta(
                EventId::new(at),
                at,
                key.organization,
                Origin::start(key.conversation.as_uuid()),
            )),
            message_id: String::new(),
            conversation_id: key.conversation.to_string(),
            number_id: key.number.to_string(),
        };
        Addressed::new(&self.0, &command)
    }
}
