//! Ids of people that change.

use chrono::{DateTime, Utc};
use sb_ids::{Bsuid, WaId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::missing;
use crate::webhook::{Malformed, scalar};

/// An id and the one that takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedId {
    /// Until then.
    pub previous: Option<Bsuid>,
    /// From then on.
    pub current: Option<Bsuid>,
}

/// A person's business-scoped ids changed.
///
/// # Source
/// Meta, "Business-scoped user IDs", a draft of 2026 with a field `user_id_update`; since 2026-08-11 the change is a
/// system message instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityChange {
    /// Phone number in digits.
    pub wa_id: Option<WaId>,
    /// The business-scoped id.
    pub user_id: ChangedId,
    /// The id across the portfolio.
    pub parent_user_id: Option<ChangedId>,
    /// When.
    pub at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct WireChange {
    #[serde(default, deserialize_with = "scalar::word")]
    previous: Option<String>,
    #[serde(default, deserialize_with = "scalar::word")]
    current: Option<String>,
}

impl WireChange {
    fn read(&self) -> ChangedId {
        ChangedId {
            previous: scalar::bsuid(self.previous.as_deref()),
            current: scalar::bsuid(self.current.as_deref()),
        }
    }
}

#[derive(Deserialize)]
struct WireUpdate {
    #[serde(default, deserialize_with = "scalar::word")]
    wa_id: Option<String>,
    user_id: WireChange,
    #[serde(default)]
    parent_user_id: Option<WireChange>,
    #[serde(default, deserialize_with = "scalar::word")]
    timestamp: Option<String>,
}

impl IdentityChange {
    /// Reads one item of `user_id_update`.
    ///
    /// # Errors
    /// [`Malformed`] without a new id or without a time.
    pub fn parse(raw: &RawValue) -> Result<Self, Malformed> {
        let wire: WireUpdate = super::read("user_id_update", raw)?;
        let user_id = wire.user_id.read();
        if user_id.current.is_none() {
            return Err(missing("user_id.current"));
        }
        Ok(Self {
            wa_id: scalar::wa_id(wire.wa_id.as_deref()),
            user_id,
            parent_user_id: wire.parent_user_id.as_ref().map(WireChange::read),
            at: wire
                .timestamp
                .as_deref()
                .and_then(scalar::instant)
                .ok_or_else(|| missing("timestamp"))?,
        })
    }
}
