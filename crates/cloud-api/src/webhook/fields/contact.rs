//! What people decide about us, and what the business's own phone has in its address book.

use chrono::{DateTime, Utc};
use sb_ids::{Bsuid, WaId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::missing;
use crate::webhook::{Malformed, scalar};

/// A person wants marketing messages no more, or again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// Phone number in digits.
    pub wa_id: Option<WaId>,
    /// Business-scoped id.
    pub user_id: Option<Bsuid>,
    /// `marketing_messages`.
    pub category: String,
    /// `stop` or `resume`.
    pub value: String,
    /// What the person was told.
    pub detail: Option<String>,
    /// When it was decided.
    pub at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct WirePreference {
    #[serde(default, deserialize_with = "scalar::word")]
    wa_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    user_id: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    category: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    value: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    detail: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    timestamp: Option<String>,
}

impl Preference {
    /// Reads one item of `user_preferences`.
    ///
    /// # Errors
    /// [`Malformed`] without a person, a category, a value or a time.
    pub fn parse(raw: &RawValue) -> Result<Self, Malformed> {
        let wire: WirePreference = super::read("user_preferences", raw)?;
        let (wa_id, user_id) = (
            scalar::wa_id(wire.wa_id.as_deref()),
            scalar::bsuid(wire.user_id.as_deref()),
        );
        if wa_id.is_none() && user_id.is_none() {
            return Err(missing("wa_id or user_id"));
        }
        Ok(Self {
            wa_id,
            user_id,
            category: wire.category.ok_or_else(|| missing("category"))?,
            value: wire.value.ok_or_else(|| missing("value"))?,
            detail: wire.detail,
            at: wire
                .timestamp
                .as_deref()
                .and_then(scalar::instant)
                .ok_or_else(|| missing("timestamp"))?,
        })
    }
}

/// What happened to a card of the address book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncAction {
    /// It is there, perhaps with another name than before.
    Saved,
    /// It is gone.
    Removed,
}

/// A card of the address book on the business's phone (coexistence).
#[derive(Clone, PartialEq, Eq)]
pub struct ContactSync {
    /// Phone number in digits.
    pub wa_id: Option<WaId>,
    /// Business-scoped id.
    pub user_id: Option<Bsuid>,
    /// What the business calls the person.
    pub name: Option<String>,
    /// Saved or removed.
    pub action: SyncAction,
    /// When.
    pub at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for ContactSync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContactSync")
            .field("action", &self.action)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct WireSync {
    #[serde(default, rename = "type", deserialize_with = "scalar::word")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    action: Option<String>,
    contact: WireCard,
    #[serde(default)]
    metadata: Option<WireMetadata>,
}

#[derive(Deserialize)]
struct WireCard {
    #[serde(default, deserialize_with = "scalar::word")]
    full_name: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    first_name: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    phone_number: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct WireMetadata {
    #[serde(default, deserialize_with = "scalar::word")]
    timestamp: Option<String>,
}

impl ContactSync {
    /// Reads one item of `state_sync`; `None` for one that is no card.
    ///
    /// # Errors
    /// [`Malformed`] without a person or with an action not known.
    pub fn parse(raw: &RawValue) -> Result<Option<Self>, Malformed> {
        let wire: WireSync = super::read("smb_app_state_sync", raw)?;
        if wire.kind.as_deref().is_some_and(|kind| kind != "contact") {
            return Ok(None);
        }
        let action = match wire.action.as_deref() {
            Some("add") => SyncAction::Saved,
            Some("remove") => SyncAction::Removed,
            _ => return Err(missing("action")),
        };
        let (wa_id, user_id) = (
            scalar::wa_id(wire.contact.phone_number.as_deref()),
            scalar::bsuid(wire.contact.user_id.as_deref()),
        );
        if wa_id.is_none() && user_id.is_none() {
            return Err(missing("contact.phone_number or contact.user_id"));
        }
        let at = wire.metadata.and_then(|metadata| metadata.timestamp);
        let full = wire.contact.full_name.filter(|name| !name.is_empty());
        Ok(Some(Self {
            wa_id,
            user_id,
            name: full.or_else(|| wire.contact.first_name.filter(|name| !name.is_empty())),
            action,
            at: at.as_deref().and_then(scalar::instant),
        }))
    }
}
