//! Business phone numbers: quality, name, username, security, settings.

use serde::Deserialize;
use serde_json::Value;

use crate::webhook::scalar;

/// A number's quality, limit or throughput.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NumberQuality {
    /// The number as shown; digits and signs.
    #[serde(deserialize_with = "scalar::required")]
    pub display_phone_number: String,
    /// Meta's word: `ONBOARDING`, `THROUGHPUT_UPGRADE`, `FLAGGED`, …
    #[serde(default, deserialize_with = "scalar::word")]
    pub event: Option<String>,
    /// How many people may be written to in a day: `TIER_250`, …; `UNLIMITED`.
    #[serde(
        default,
        rename = "max_daily_conversations_per_business",
        deserialize_with = "scalar::word"
    )]
    pub messaging_limit: Option<String>,
    /// The same until February 2026.
    #[serde(default, deserialize_with = "scalar::word")]
    pub current_limit: Option<String>,
}

/// A display name was decided upon.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NumberName {
    /// The number as shown.
    #[serde(deserialize_with = "scalar::required")]
    pub display_phone_number: String,
    /// `APPROVED`, `DEFERRED`, `PENDING`, `REJECTED`.
    #[serde(deserialize_with = "scalar::required")]
    pub decision: String,
    /// The name that was asked for.
    #[serde(default, deserialize_with = "scalar::word")]
    pub requested_verified_name: Option<String>,
    /// Why not.
    #[serde(default, deserialize_with = "scalar::word")]
    pub rejection_reason: Option<String>,
}

/// A business's username.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NumberUsername {
    /// The number as shown.
    #[serde(deserialize_with = "scalar::required")]
    pub display_phone_number: String,
    /// The username; absent when it was deleted.
    #[serde(default, deserialize_with = "scalar::word")]
    pub username: Option<String>,
    /// `approved`, `reserved`, `deleted`.
    #[serde(deserialize_with = "scalar::required")]
    pub status: String,
}

/// A number's PIN.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NumberSecurity {
    /// The number as shown.
    #[serde(deserialize_with = "scalar::required")]
    pub display_phone_number: String,
    /// `PIN_CHANGED`, `PIN_RESET_REQUEST`, `PIN_REQUEST_SUCCESS`.
    #[serde(deserialize_with = "scalar::required")]
    pub event: String,
    /// Who asked for it.
    #[serde(default, deserialize_with = "scalar::word")]
    pub requester: Option<String>,
}

/// Settings of a number were changed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct NumberSettings {
    /// `PHONE_NUMBER_SETTINGS`; samples have it in lower case too.
    #[serde(default, rename = "type", deserialize_with = "scalar::word")]
    pub kind: Option<String>,
    /// Unix seconds.
    #[serde(default, deserialize_with = "scalar::integer")]
    pub timestamp: Option<i64>,
    /// What changed.
    pub phone_number_settings: ChangedSettings,
}

/// The settings of one number.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ChangedSettings {
    /// Meta's id of the number.
    #[serde(deserialize_with = "scalar::required")]
    pub phone_number_id: String,
    /// Calling, as received.
    #[serde(default)]
    pub calling: Option<Value>,
}
