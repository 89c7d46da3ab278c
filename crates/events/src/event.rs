//! What all events have in common, and where each one goes.

use prost::{Message, Name};
use sb_ids::{Lane, NumberId, Shard};
use uuid::Uuid;

use crate::proto::{
    account, call, common::v1::EventMeta, contact, conversation, dispatch, group, media, message,
    number, template, update,
};
use crate::{MalformedEvent, Subject, Topology, organization_of, uuid_field};

/// An event or a command of the contract.
pub trait Event: Message + Name + Default + Clone + Send + Sync + 'static {
    /// The first field.
    fn meta(&self) -> Option<&EventMeta>;

    /// Where it is published.
    ///
    /// # Errors
    /// [`MalformedEvent`] when the tenant or the ordering key is missing.
    fn subject(&self, topology: &Topology) -> Result<Subject, MalformedEvent>;
}

/// Whether something is a fact or an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A fact; any number of consumers.
    Event,
    /// An order; one consumer.
    Command,
}

/// An encoded event with its address: what the outbox stores and the publisher sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    /// The event's id.
    pub event_id: Uuid,
    /// Full protobuf name.
    pub type_name: String,
    /// Where it goes.
    pub subject: Subject,
    /// The encoded event.
    pub payload: bytes::Bytes,
}

impl Addressed {
    /// Encodes an event.
    ///
    /// # Errors
    /// [`MalformedEvent`] when its meta or ordering key is missing.
    pub fn new<E: Event>(topology: &Topology, event: &E) -> Result<Self, MalformedEvent> {
        let meta = event.meta().ok_or(MalformedEvent { field: "meta" })?;
        Ok(Self {
            event_id: uuid_field("meta.event_id", &meta.event_id)?,
            type_name: E::full_name(),
            subject: event.subject(topology)?,
            payload: event.encode_to_vec().into(),
        })
    }
}

/// The ordering key of something of Meta's, which has no UUID.
fn named(field: &'static str, meta_id: &str) -> Result<Uuid, MalformedEvent> {
    if meta_id.is_empty() {
        return Err(MalformedEvent { field });
    }
    Ok(Uuid::new_v5(&Uuid::NAMESPACE_OID, meta_id.as_bytes()))
}

fn conversation_of(message: Option<&message::v1::MessageRef>) -> Result<Uuid, MalformedEvent> {
    let message = message.ok_or(MalformedEvent { field: "message" })?;
    uuid_field("message.conversation_id", &message.conversation_id)
}

macro_rules! event {
    ($($domain:literal $type:path, |$event:ident| $key:expr;)+) => {$(
        impl Event for $type {
            fn meta(&self) -> Option<&EventMeta> {
                self.meta.as_ref()
            }

            fn subject(&self, topology: &Topology) -> Result<Subject, MalformedEvent> {
                let $event = self;
                let key: Uuid = $key?;
                Ok(topology.event($domain, organization_of(self.meta.as_ref())?, Lane::of(key)))
            }
        }
    )+};
}

event! {
    "message" message::v1::MessageReceived, |e| conversation_of(e.message.as_ref());
    "message" message::v1::MessageQueued, |e| conversation_of(e.message.as_ref());
    "message" message::v1::MessageAccepted, |e| conversation_of(e.message.as_ref());
    "message" message::v1::MessageFailed, |e| conversation_of(e.message.as_ref());
    "message" message::v1::MessageStatusChanged, |e| conversation_of(e.message.as_ref());
    "message" message::v1::MessageAnnotated, |e| match &e.message {
        Some(message) => conversation_of(Some(message)),
        None => uuid_field("media_id", &e.media_id),
    };
    "message" message::v1::MessageEchoed, |e| conversation_of(e.message.as_ref());
    "message" message::v1::MessageImported, |e| conversation_of(e.message.as_ref());
    "message" message::v1::MessageEdited, |e| conversation_of(e.message.as_ref());
    "message" message::v1::MessageRevoked, |e| conversation_of(e.message.as_ref());
    "account" account::v1::AccountUpdated, |e| named("waba_id", &e.waba_id);
    "template" template::v1::TemplateChanged, |e| named("waba_id", &e.waba_id);
    "call" call::v1::CallSignalled, |e| named("call_id", &e.call_id);
    "contact" contact::v1::ContactPreferenceChanged, |e| uuid_field("contact_id", &e.contact_id);
    "contact" contact::v1::ContactChanged, |e| uuid_field("contact_id", &e.contact_id);
    "contact" contact::v1::ContactMerged, |e| uuid_field("contact_id", &e.contact_id);
    "contact" contact::v1::ContactUnmerged, |e| uuid_field("contact_id", &e.contact_id);
    "conversation" conversation::v1::ConversationHandedOver,
        |e| uuid_field("conversation_id", &e.conversation_id);
    "group" group::v1::GroupChanged, |e| named("group_id", &e.group_id);
    "update" update::v1::UpdateUnrecognized, |e| named("waba_id", &e.waba_id);
    "media" media::v1::MediaStored, |e| uuid_field("media_id", &e.media_id);
    "media" media::v1::MediaFailed, |e| uuid_field("media_id", &e.media_id);
    "number" number::v1::NumberChanged, |e| uuid_field("number_id", &e.number_id);
}

macro_rules! command {
    ($($type:path),+ $(,)?) => {$(
        impl Event for $type {
            fn meta(&self) -> Option<&EventMeta> {
                self.meta.as_ref()
            }

            fn subject(&self, topology: &Topology) -> Result<Subject, MalformedEvent> {
                let number: NumberId = uuid_field("number_id", &self.number_id)?;
                Ok(topology.dispatch(Shard::of(number)))
            }
        }
    )+};
}

command! {
    dispatch::v1::SendMessage,
    dispatch::v1::MarkRead,
}

impl Event for media::v1::FetchMedia {
    fn meta(&self) -> Option<&EventMeta> {
        self.meta.as_ref()
    }

    fn subject(&self, topology: &Topology) -> Result<Subject, MalformedEvent> {
        let file: Uuid = uuid_field("media_id", &self.media_id)?;
        Ok(topology.media(organization_of(self.meta.as_ref())?, Lane::of(file)))
    }
}
