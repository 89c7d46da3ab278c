//! Conversations that somebody else owns for the time being: Meta's own agent, or another app.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use sb_ids::{Bsuid, WaId, Wamid};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::missing;
use crate::webhook::value::WireMetadata;
use crate::webhook::{Malformed, Metadata, scalar};

/// Copies of what goes on in conversations that we do not own.
///
/// # Source
/// Meta, "Conversation routing › standby", 2026-08-04.
#[derive(Debug)]
pub struct Standby<'a> {
    /// Which number it is about.
    pub metadata: Metadata,
    /// People, as in `messages`.
    pub contacts: Vec<&'a RawValue>,
    /// What contacts wrote.
    pub messages: Vec<&'a RawValue>,
    /// What the owner wrote.
    pub message_echoes: Vec<&'a RawValue>,
    /// Reports about the owner's messages.
    pub statuses: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    metadata: WireMetadata<'a>,
    // Meta posts empty ones too.
    #[serde(borrow, default)]
    standby: WireStandby<'a>,
}

#[derive(Default, Deserialize)]
struct WireStandby<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    contacts: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    messages: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    message_echoes: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    statuses: Vec<&'a RawValue>,
}

impl<'a> Standby<'a> {
    /// Reads the value of the field `standby`.
    ///
    /// # Errors
    /// [`Malformed`] without its number.
    pub fn parse(raw: &'a RawValue) -> Result<Self, Malformed> {
        let wire: Wire<'a> = super::read("standby", raw)?;
        Ok(Self {
            metadata: wire.metadata.read("standby")?,
            contacts: wire.standby.contacts,
            messages: wire.standby.messages,
            message_echoes: wire.standby.message_echoes,
            statuses: wire.standby.statuses,
        })
    }
}

/// What the owner of a conversation sent: the body it gave to Meta.
#[derive(Debug)]
pub struct StandbyEcho<'a> {
    /// Its id.
    pub id: Wamid,
    /// When it was sent.
    pub timestamp: DateTime<Utc>,
    /// The addressee's phone number.
    pub to: Option<WaId>,
    /// The addressee's business-scoped id.
    pub to_user_id: Option<Bsuid>,
    /// The body of the send, verbatim: [`super::super::content_of_body`].
    pub body: &'a RawValue,
}

#[derive(Deserialize)]
struct WireEcho<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    id: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    message: &'a RawValue,
}

#[derive(Deserialize)]
struct WireBody<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    to: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    recipient: Option<Cow<'a, str>>,
}

impl<'a> StandbyEcho<'a> {
    /// Reads one item of `message_echoes`.
    ///
    /// # Errors
    /// [`Malformed`] without id, time, body or addressee.
    pub fn parse(raw: &'a RawValue) -> Result<Self, Malformed> {
        let wire: WireEcho<'a> = super::read("standby", raw)?;
        let body: WireBody<'_> = super::read("standby", wire.message)?;
        let (to, to_user_id) = (
            scalar::wa_id(body.to.as_deref()),
            scalar::bsuid(body.recipient.as_deref()),
        );
        if to.is_none() && to_user_id.is_none() {
            return Err(missing("message.to or message.recipient"));
        }
        Ok(Self {
            id: Wamid::parse(wire.id).map_err(|_| missing("id"))?,
            timestamp: scalar::instant(&wire.timestamp).ok_or_else(|| missing("timestamp"))?,
            to,
            to_user_id,
            body: wire.message,
        })
    }
}

/// A conversation changed its owner.
///
/// # Source
/// Meta, "`messaging_handovers` webhook", 2026-08-04.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// The contact's phone number.
    pub wa_id: Option<WaId>,
    /// The contact's business-scoped id.
    pub user_id: Option<Bsuid>,
    /// `control_passed` or `control_taken`.
    pub kind: String,
    /// Whose it was: `customer_service`, `ai_agent`, …
    pub previous_owner_role: Option<String>,
    /// Whose it is.
    pub new_owner_role: Option<String>,
    /// The app whose it is; given up by Meta in favour of roles.
    pub new_owner_app_id: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct WireHandover {
    #[serde(default)]
    sender: WireSender,
    recipient: WireRecipient,
    #[serde(default, rename = "type", deserialize_with = "scalar::word")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    timestamp: Option<String>,
    #[serde(default)]
    control_passed: Option<WireControl>,
    #[serde(default)]
    control_taken: Option<WireControl>,
}

#[derive(Default, Deserialize)]
struct WireSender {
    #[serde(default, deserialize_with = "scalar::word")]
    phone_number: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    wa_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct WireRecipient {
    #[serde(deserialize_with = "scalar::required")]
    phone_number_id: String,
}

#[derive(Default, Deserialize)]
struct WireControl {
    #[serde(default, deserialize_with = "scalar::word")]
    previous_owner_role: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    new_owner_role: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    new_owner_app_id: Option<String>,
}

impl Handover {
    /// Reads the value of the field `messaging_handovers`.
    ///
    /// # Errors
    /// [`Malformed`] without number, time or kind.
    pub fn parse(raw: &RawValue) -> Result<Self, Malformed> {
        let wire: WireHandover = super::read("messaging_handovers", raw)?;
        let control = wire
            .control_passed
            .or(wire.control_taken)
            .unwrap_or_default();
        Ok(Self {
            phone_number_id: wire.recipient.phone_number_id,
            wa_id: scalar::wa_id(wire.sender.phone_number.or(wire.sender.wa_id).as_deref()),
            user_id: scalar::bsuid(wire.sender.user_id.as_deref()),
            kind: wire.kind.ok_or_else(|| missing("type"))?,
            previous_owner_role: control.previous_owner_role,
            new_owner_role: control.new_owner_role,
            new_owner_app_id: control.new_owner_app_id,
            at: wire
                .timestamp
                .as_deref()
                .and_then(scalar::instant)
                .ok_or_else(|| missing("timestamp"))?,
        })
    }
}
