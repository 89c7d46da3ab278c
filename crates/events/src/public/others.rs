//! Events of everything but messages.

use prost::Name;
use serde_json::json;

use super::{NotPublic, PublicEvent, decode, event, parsed};
use crate::meta::from_micros;
use crate::proto::account::v1::AccountUpdated;
use crate::proto::bus::v1::Item;
use crate::proto::call::v1::CallSignalled;
use crate::proto::contact::v1::{
    ContactChanged, ContactMerged, ContactPreferenceChanged, ContactUnmerged,
};
use crate::proto::conversation::v1::ConversationHandedOver;
use crate::proto::group::v1::GroupChanged;
use crate::proto::media::v1::{MediaFailed, MediaStored};
use crate::proto::number::v1::NumberChanged;
use crate::proto::template::v1::TemplateChanged;
use crate::proto::update::v1::UpdateUnrecognized;

type Form = fn(&Item) -> Result<PublicEvent, NotPublic>;

/// The public form, if the item is one of these events.
pub(super) fn from_item(item: &Item) -> Option<Result<PublicEvent, NotPublic>> {
    let forms: [(String, Form); 13] = [
        (MediaStored::full_name(), media_stored),
        (MediaFailed::full_name(), media_failed),
        (NumberChanged::full_name(), number_changed),
        (AccountUpdated::full_name(), account_updated),
        (TemplateChanged::full_name(), template_changed),
        (CallSignalled::full_name(), call_signalled),
        (ContactPreferenceChanged::full_name(), preference_changed),
        (ContactChanged::full_name(), contact_changed),
        (ContactMerged::full_name(), contact_merged),
        (ContactUnmerged::full_name(), contact_unmerged),
        (ConversationHandedOver::full_name(), handed_over),
        (GroupChanged::full_name(), group_changed),
        (UpdateUnrecognized::full_name(), unrecognized),
    ];
    let (_, form) = forms.iter().find(|(name, _)| *name == item.r#type)?;
    Some(form(item))
}

/// An id, or nothing.
fn id(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn media_stored(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MediaStored = decode(item)?;
    let data = json!({
        "media_id": e.media_id,
        "mime_type": e.mime_type,
        "size_bytes": e.size_bytes,
    });
    event("media.stored", e.meta.as_ref(), None, data)
}

fn media_failed(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: MediaFailed = decode(item)?;
    let data = json!({
        "media_id": e.media_id,
        "message_id": id(&e.message_id),
        "code": e.code,
    });
    event("media.failed", e.meta.as_ref(), None, data)
}

fn number_changed(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: NumberChanged = decode(item)?;
    let data = json!({ "number_id": e.number_id, "changed": e.changed });
    event("number.changed", e.meta.as_ref(), None, data)
}

fn account_updated(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: AccountUpdated = decode(item)?;
    let data = json!({
        "waba_id": e.waba_id,
        "field": e.field,
        "event": id(&e.event),
        "meta": parsed(&e.value_json),
    });
    event("account.updated", e.meta.as_ref(), None, data)
}

fn template_changed(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: TemplateChanged = decode(item)?;
    let data = json!({
        "waba_id": e.waba_id,
        "template_id": e.template_id,
        "name": e.name,
        "language": e.language,
        "change": e.change,
        "new_value": id(&e.new_value),
        "meta": parsed(&e.value_json),
    });
    event("template.changed", e.meta.as_ref(), None, data)
}

fn call_signalled(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: CallSignalled = decode(item)?;
    let data = json!({
        "call_id": e.call_id,
        "number_id": e.number_id,
        "contact_id": id(&e.contact_id),
        "conversation_id": id(&e.conversation_id),
        "signal": e.signal,
        "direction": id(&e.direction),
        "signalled_at": from_micros(e.signalled_at_us),
    });
    event("call.signalled", e.meta.as_ref(), None, data)
}

fn preference_changed(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: ContactPreferenceChanged = decode(item)?;
    let data = json!({
        "contact_id": e.contact_id,
        "category": e.category,
        "value": e.value,
        "decided_at": from_micros(e.decided_at_us),
    });
    event("contact.preference_changed", e.meta.as_ref(), None, data)
}

fn contact_changed(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: ContactChanged = decode(item)?;
    let data = json!({ "contact_id": e.contact_id, "changed": e.changed });
    event("contact.changed", e.meta.as_ref(), None, data)
}

fn contact_merged(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: ContactMerged = decode(item)?;
    let data = json!({
        "contact_id": e.contact_id,
        "merged_contact_id": e.merged_contact_id,
        "merge_id": e.merge_id,
        "cause": e.cause,
    });
    event("contact.merged", e.meta.as_ref(), None, data)
}

fn contact_unmerged(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: ContactUnmerged = decode(item)?;
    let data = json!({
        "contact_id": e.contact_id,
        "unmerged_contact_id": e.unmerged_contact_id,
        "merge_id": e.merge_id,
    });
    event("contact.unmerged", e.meta.as_ref(), None, data)
}

fn handed_over(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: ConversationHandedOver = decode(item)?;
    let data = json!({
        "conversation_id": e.conversation_id,
        "contact_id": e.contact_id,
        "number_id": e.number_id,
        "is_ours": e.is_ours,
        "previous_owner_role": id(&e.previous_owner_role),
        "new_owner_role": id(&e.new_owner_role),
    });
    event("conversation.handed_over", e.meta.as_ref(), None, data)
}

fn group_changed(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: GroupChanged = decode(item)?;
    let data = json!({
        "number_id": e.number_id,
        "group_id": e.group_id,
        "change": e.change,
        "meta": parsed(&e.value_json),
    });
    event("group.changed", e.meta.as_ref(), None, data)
}

fn unrecognized(item: &Item) -> Result<PublicEvent, NotPublic> {
    let e: UpdateUnrecognized = decode(item)?;
    let data = json!({
        "waba_id": e.waba_id,
        "field": e.field,
        "raw_update_id": e.raw_update_id,
        "meta": parsed(&e.value_json),
    });
    event("update.unrecognized", e.meta.as_ref(), None, data)
}
