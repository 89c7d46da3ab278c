//! Building and reading `EventMeta`.

use chrono::{DateTime, Utc};
use sb_ids::{EventId, OrganizationId};
use uuid::Uuid;

use crate::proto::common::v1::EventMeta;

/// What caused an event, and the chain it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// The event or row that caused this one.
    pub causation: Option<Uuid>,
    /// Shared by everything that follows from one update or request.
    pub correlation: Option<Uuid>,
}

impl Origin {
    /// The start of a chain.
    pub const fn start(correlation: Uuid) -> Self {
        Self {
            causation: None,
            correlation: Some(correlation),
        }
    }

    /// What follows from `meta`.
    pub fn after(meta: &EventMeta) -> Self {
        Self {
            causation: Uuid::try_parse(&meta.event_id).ok(),
            correlation: Uuid::try_parse(&meta.correlation_id).ok(),
        }
    }
}

/// An event that lacks what every reader needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event field `{field}` is missing or not a UUID")]
pub struct MalformedEvent {
    /// The field at fault.
    pub field: &'static str,
}

/// Microseconds since 1970.
pub const fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// The instant of `micros`; the epoch when out of range.
pub fn from_micros(us: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(us).unwrap_or_default()
}

/// Builds the first field of an event.
pub fn meta(
    event: EventId,
    at: DateTime<Utc>,
    organization: OrganizationId,
    origin: Origin,
) -> EventMeta {
    EventMeta {
        event_id: event.to_string(),
        occurred_at_us: micros(at),
        organization_id: organization.to_string(),
        causation_id: origin
            .causation
            .map_or_else(String::new, |id| id.to_string()),
        correlation_id: origin
            .correlation
            .map_or_else(String::new, |id| id.to_string()),
    }
}

/// Reads a UUID field.
///
/// # Errors
/// [`MalformedEvent`] naming the field.
pub fn uuid_field<T: From<Uuid>>(field: &'static str, text: &str) -> Result<T, MalformedEvent> {
    Uuid::try_parse(text)
        .map(T::from)
        .map_err(|_| MalformedEvent { field })
}

/// The tenant an event belongs to.
///
/// # Errors
/// [`MalformedEvent`] when the meta is missing or carries no tenant.
pub fn organization_of(meta: Option<&EventMeta>) -> Result<OrganizationId, MalformedEvent> {
    let meta = meta.ok_or(MalformedEvent { field: "meta" })?;
    uuid_field("meta.organization_id", &meta.organization_id)
}
