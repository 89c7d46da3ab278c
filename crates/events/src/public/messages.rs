//! Events of messages.

use prost::Name;
use serde_json::json;

use super::{NotPublic, PublicEvent, about, decode, event, parsed, with};
use crate::meta::from_micros;
use crate::proto::bus::v1::Item;
use crate::proto::message::v1::{
    MessageAccepted, MessageAnnotated, MessageEchoed, MessageEdited, MessageFailed,
    MessageImported, MessageQueued, MessageReceived, MessageRevoked, MessageStatusChanged,
};

type Form = fn(&Item) -> Result<PublicEvent, NotPublic>;

/// The public form, if the item is an event of a message.
pub(super) fn from_item(item: &Item) -> Option<Result<PublicEvent, NotPublic>> {
    let forms: [(String, Form); 10] = [
        (MessageReceived::full_name(), received),
        (MessageStatusChanged::full_name(), status),
        (MessageQueued::full_name(), queued),
        (MessageAccepted::full_name(), accepted),
        (MessageFailed::full_name(), failed),
        (MessageAnnotated::full_name(), annotated),
        (MessageEchoed::full_name(), echoed),
        (MessageImported::full_name(), imported),
        (MessageEdited::full_name(), edited),
        (MessageRevoked::full_name(), revoked),
    ];
    let (_, form) = forms.iter().find(|(name, _)| *name == item.r#type)?;
    Some(form(item))
}

fn received(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MessageReceived = decode(item)?;
    let mut data =
        json!({ "content": parsed(&e.content_json), "sent_at": from_micros(e.sent_at_us) });
    if !e.author_contact_id.is_empty() {
        data = with(data, json!({ "author_contact_id": e.author_contact_id }));
    }
    if e.standby {
        data = with(data, json!({ "standby": true }));
    }
    let data = with(about(e.message.as_ref()), data);
    event(
        "message.received",
        e.meta.as_ref(),
        e.message.as_ref(),
        data,
    )
}

fn queued(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MessageQueued = decode(item)?;
    let agent = (!e.agent_id.is_empty()).then_some(&e.agent_id);
    let data = json!({ "content": parsed(&e.content_json), "agent_id": agent });
    let data = with(about(e.message.as_ref()), data);
    event("message.queued", e.meta.as_ref(), e.message.as_ref(), data)
}

fn accepted(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MessageAccepted = decode(item)?;
    let data = about(e.message.as_ref());
    event(
        "message.accepted",
        e.meta.as_ref(),
        e.message.as_ref(),
        data,
    )
}

fn failed(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MessageFailed = decode(item)?;
    let data = json!({ "state": e.state, "code": e.code, "error": parsed(&e.error_json) });
    let data = with(about(e.message.as_ref()), data);
    event("message.failed", e.meta.as_ref(), e.message.as_ref(), data)
}

fn status(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MessageStatusChanged = decode(item)?;
    let at = from_micros(e.status_at_us);
    let data = json!({ "status": e.status, "status_at": at, "meta": parsed(&e.status_json) });
    let data = with(about(e.message.as_ref()), data);
    event("message.status", e.meta.as_ref(), e.message.as_ref(), data)
}

fn annotated(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MessageAnnotated = decode(item)?;
    let data = json!({ "media_id": e.media_id, "outcome": e.outcome });
    let data = with(about(e.message.as_ref()), data);
    event(
        "message.annotated",
        e.meta.as_ref(),
        e.message.as_ref(),
        data,
    )
}

fn echoed(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MessageEchoed = decode(item)?;
    let data = json!({
        "content": parsed(&e.content_json),
        "sent_at": from_micros(e.sent_at_us),
        "source": e.source,
    });
    let data = with(about(e.message.as_ref()), data);
    event("message.echoed", e.meta.as_ref(), e.message.as_ref(), data)
}

fn imported(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MessageImported = decode(item)?;
    let data = json!({
        "direction": e.direction,
        "content": parsed(&e.content_json),
        "sent_at": from_micros(e.sent_at_us),
    });
    let data = with(about(e.message.as_ref()), data);
    event(
        "message.imported",
        e.meta.as_ref(),
        e.message.as_ref(),
        data,
    )
}

fn edited(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MessageEdited = decode(item)?;
    let data =
        json!({ "content": parsed(&e.content_json), "edited_at": from_micros(e.edited_at_us) });
    let data = with(about(e.message.as_ref()), data);
    event("message.edited", e.meta.as_ref(), e.message.as_ref(), data)
}

fn revoked(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MessageRevoked = decode(item)?;
    let data = json!({ "revoked_at": from_micros(e.revoked_at_us) });
    let data = with(about(e.message.as_ref()), data);
    event("message.revoked", e.meta.as_ref(), e.message.as_ref(), data)
}
