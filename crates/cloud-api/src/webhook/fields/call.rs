//! Signals of calls.

use chrono::{DateTime, Utc};
use sb_ids::{Bsuid, WaId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::missing;
use crate::webhook::value::WireMetadata;
use crate::webhook::{Malformed, Metadata, scalar};

/// The value of the field `calls`; each piece as received.
#[derive(Debug)]
pub struct CallsValue<'a> {
    /// Which number it is about.
    pub metadata: Metadata,
    /// People, as in `messages`.
    pub contacts: Vec<&'a RawValue>,
    /// [`CallSignal::parse`].
    pub calls: Vec<&'a RawValue>,
    /// [`CallStatus::parse`].
    pub statuses: Vec<&'a RawValue>,
    /// What went wrong, beside a call that was terminated.
    pub errors: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    metadata: WireMetadata<'a>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    contacts: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    calls: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    statuses: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    errors: Vec<&'a RawValue>,
}

impl<'a> CallsValue<'a> {
    /// Reads the value of the field `calls`.
    ///
    /// # Errors
    /// [`Malformed`] without its number.
    pub fn parse(raw: &'a RawValue) -> Result<Self, Malformed> {
        let wire: Wire<'a> = super::read("calls", raw)?;
        Ok(Self {
            metadata: wire.metadata.read("calls value")?,
            contacts: wire.contacts,
            calls: wire.calls,
            statuses: wire.statuses,
            errors: wire.errors,
        })
    }
}

/// Something happened in a call.
///
/// # Source
/// Meta, "Calling API › calls webhook", 2026.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSignal {
    /// Meta's id of the call, `wacid.…`.
    pub id: String,
    /// `connect`, `terminate`, `call_recording_available`, …
    pub event: String,
    /// When.
    pub at: DateTime<Utc>,
    /// `USER_INITIATED` or `BUSINESS_INITIATED`.
    pub direction: Option<String>,
    /// The contact's phone number: whichever of `from` and `to` is not ours.
    pub wa_id: Option<WaId>,
    /// The contact's business-scoped id.
    pub user_id: Option<Bsuid>,
}

#[derive(Deserialize)]
struct WireSignal {
    #[serde(default, deserialize_with = "scalar::word")]
    id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    event: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    timestamp: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    direction: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    from: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    from_user_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    to: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    to_user_id: Option<String>,
}

impl CallSignal {
    /// Reads one item of `calls`. Meta's samples swap `from` and `to`: ours is the one in `metadata`.
    ///
    /// # Errors
    /// [`Malformed`] without id, event or time.
    pub fn parse(raw: &RawValue, ours: &Metadata) -> Result<Self, Malformed> {
        let wire: WireSignal = super::read("calls", raw)?;
        let is_ours = |id: &WaId| id.as_str() == ours.display_phone_number.trim_start_matches('+');
        let people = [wire.from.as_deref(), wire.to.as_deref()];
        let wa_id = people
            .into_iter()
            .filter_map(|id| scalar::wa_id(id))
            .find(|id| !is_ours(id));
        let user = wire.from_user_id.as_deref().or(wire.to_user_id.as_deref());
        Ok(Self {
            id: wire.id.ok_or_else(|| missing("id"))?,
            event: wire.event.ok_or_else(|| missing("event"))?,
            at: wire
                .timestamp
                .as_deref()
                .and_then(scalar::instant)
                .ok_or_else(|| missing("timestamp"))?,
            direction: wire.direction,
            wa_id,
            user_id: scalar::bsuid(user),
        })
    }

    /// Whether it opens the customer service window: a contact's call does, answered or not.
    pub fn opens_window(&self) -> bool {
        self.event == "connect" && self.direction.as_deref() == Some("USER_INITIATED")
    }
}

/// How a call of ours is received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStatus {
    /// Meta's id of the call.
    pub id: String,
    /// `RINGING`, `ACCEPTED`, `REJECTED`, in upper case.
    pub status: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The contact's phone number.
    pub wa_id: Option<WaId>,
    /// The contact's business-scoped id.
    pub user_id: Option<Bsuid>,
}

#[derive(Deserialize)]
struct WireStatus {
    #[serde(default, deserialize_with = "scalar::word")]
    id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    status: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    timestamp: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    recipient_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    recipient_user_id: Option<String>,
}

impl CallStatus {
    /// Reads one item of `statuses`.
    ///
    /// # Errors
    /// [`Malformed`] without id, status or time.
    pub fn parse(raw: &RawValue) -> Result<Self, Malformed> {
        let wire: WireStatus = super::read("calls", raw)?;
        let status = wire.status.ok_or_else(|| missing("status"))?;
        Ok(Self {
            id: wire.id.ok_or_else(|| missing("id"))?,
            status: status.to_ascii_uppercase(),
            at: wire
                .timestamp
                .as_deref()
                .and_then(scalar::instant)
                .ok_or_else(|| missing("timestamp"))?,
            wa_id: scalar::wa_id(wire.recipient_id.as_deref()),
            user_id: scalar::bsuid(wire.recipient_user_id.as_deref()),
        })
    }
}
