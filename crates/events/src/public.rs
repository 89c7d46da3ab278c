//! The one place where internal events become the JSON documents that tenants see.

mod messages;
mod others;

use chrono::{DateTime, Utc};
use prost::Message;
use sb_ids::OrganizationId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::meta::{MalformedEvent, from_micros, organization_of};
use crate::proto::bus::v1::Item;
use crate::proto::common::v1::EventMeta;
use crate::proto::message::v1::MessageRef;

/// An event as tenants see it: over the API, server-sent events and webhooks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PublicEvent {
    /// The same fact always has the same id.
    pub id: String,
    /// `message.received`, `message.status`, …
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When the fact became true.
    pub occurred_at: DateTime<Utc>,
    /// The tenant.
    pub organization_id: String,
    /// The conversation, for events of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The message's place in its conversation, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// What happened.
    pub data: Value,
}

/// Why an item is not shown.
#[derive(Debug, thiserror::Error)]
pub enum NotPublic {
    /// The item is internal, or newer than this program.
    #[error("event type is not part of the public catalogue")]
    Internal,
    /// The payload does not decode.
    #[error("event payload does not decode")]
    Undecodable(#[source] prost::DecodeError),
    /// The payload lacks its meta.
    #[error("event has no usable meta")]
    Malformed(#[source] MalformedEvent),
}

fn decode<E: Message + Default>(item: &Item) -> Result<E, NotPublic> {
    E::decode(item.payload.clone()).map_err(NotPublic::Undecodable)
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Null)
}

fn about(message: Option<&MessageRef>) -> Value {
    message.map_or_else(
        || json!({}),
        |m| {
            json!({
                "message_id": m.message_id,
                "contact_id": m.contact_id,
                "number_id": m.number_id,
                "wamid": (!m.wamid.is_empty()).then_some(&m.wamid),
            })
        },
    )
}

/// `base` with `more` added to it.
fn with(mut base: Value, more: Value) -> Value {
    if let (Value::Object(base), Value::Object(more)) = (&mut base, more) {
        base.extend(more);
    }
    base
}

fn event(
    kind: &'static str,
    meta: Option<&EventMeta>,
    message: Option<&MessageRef>,
    data: Value,
) -> Result<PublicEvent, NotPublic> {
    let organization: OrganizationId = organization_of(meta).map_err(NotPublic::Malformed)?;
    let meta = meta.ok_or(NotPublic::Malformed(MalformedEvent { field: "meta" }))?;
    Ok(PublicEvent {
        id: meta.event_id.clone(),
        kind,
        occurred_at: from_micros(meta.occurred_at_us),
        organization_id: organization.to_string(),
        conversation_id: message.map(|m| m.conversation_id.clone()),
        sequence: message.map(|m| m.sequence),
        data,
    })
}

/// Turns an item of an envelope into its public form.
///
/// # Errors
/// [`NotPublic`] for commands, unknown types and payloads that do not decode.
pub fn from_item(item: &Item) -> Result<PublicEvent, NotPublic> {
    let found = messages::from_item(item).or_else(|| others::from_item(item));
    found.unwrap_or(Err(NotPublic::Internal))
}
