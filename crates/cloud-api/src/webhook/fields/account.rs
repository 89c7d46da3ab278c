//! Accounts, portfolios and what else is told about them.

use serde::Deserialize;
use serde_json::Value;

use crate::webhook::scalar;

/// Something happened to an account.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AccountEvent {
    /// Meta's word: `PARTNER_REMOVED`, `ACCOUNT_OFFBOARDED`, `DISABLED_UPDATE`, …
    #[serde(deserialize_with = "scalar::required")]
    pub event: String,
    /// The number that was disconnected.
    #[serde(default, deserialize_with = "scalar::word")]
    pub phone_number: Option<String>,
    /// Which account, for events of partners.
    #[serde(default)]
    pub waba_info: Option<WabaInfo>,
    /// Whether and when the account is disabled.
    #[serde(default)]
    pub ban_info: Option<BanInfo>,
    /// What the account may not do, as received.
    #[serde(default)]
    pub restriction_info: Option<Value>,
    /// The rule it broke, as received.
    #[serde(default)]
    pub violation_info: Option<Value>,
    /// Why a number left, as received.
    #[serde(default)]
    pub disconnection_info: Option<Value>,
    /// A price tier, as received.
    #[serde(default)]
    pub volume_tier_info: Option<Value>,
    /// Where the business is.
    #[serde(default, deserialize_with = "scalar::word")]
    pub country: Option<String>,
}

/// The account an event of partners is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WabaInfo {
    /// Meta's id.
    #[serde(default, rename = "waba_id", deserialize_with = "scalar::word")]
    pub account: Option<String>,
    /// The portfolio that owns it.
    #[serde(
        default,
        rename = "owner_business_id",
        deserialize_with = "scalar::word"
    )]
    pub owner: Option<String>,
    /// The app that was installed or uninstalled.
    #[serde(default, rename = "partner_app_id", deserialize_with = "scalar::word")]
    pub partner_app: Option<String>,
}

/// Whether an account is disabled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BanInfo {
    /// `DISABLE`, `REINSTATE`, `SCHEDULE_FOR_DISABLE`.
    #[serde(default, deserialize_with = "scalar::word")]
    pub waba_ban_state: Option<String>,
    /// In words, as Meta writes it: `April 17, 2025`.
    #[serde(default, deserialize_with = "scalar::word")]
    pub waba_ban_date: Option<String>,
}

/// Something an account's people should look at.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AccountAlert {
    /// `BUSINESS`, `PHONE_NUMBER`, …
    #[serde(default, deserialize_with = "scalar::word")]
    pub entity_type: Option<String>,
    /// Meta's id of it.
    #[serde(default, deserialize_with = "scalar::word")]
    pub entity_id: Option<String>,
    /// Type, severity, status and words.
    #[serde(default)]
    pub alert_info: Option<AlertInfo>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AlertInfo {
    /// `CRITICAL`, `INFORMATIONAL`, `WARNING`.
    #[serde(default, rename = "alert_severity", deserialize_with = "scalar::word")]
    pub severity: Option<String>,
    /// `ACTIVE`, `NONE`.
    #[serde(default, rename = "alert_status", deserialize_with = "scalar::word")]
    pub status: Option<String>,
    /// `PROFILE_PICTURE_LOST`, `OBA_APPROVED`, …
    #[serde(default, rename = "alert_type", deserialize_with = "scalar::word")]
    pub kind: Option<String>,
}

/// An account was reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountReview {
    /// `APPROVED`, `REJECTED`, `PENDING`, `DEFERRED`.
    #[serde(deserialize_with = "scalar::required")]
    pub decision: String,
}

/// What a portfolio may do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BusinessCapability {
    /// `TIER_…` in Meta's table, a number in its example; `-1` for no limit.
    #[serde(
        default,
        rename = "max_daily_conversations_per_business",
        deserialize_with = "scalar::word"
    )]
    pub messaging_limit: Option<String>,
    /// The limit of each number until February 2026.
    #[serde(
        default,
        rename = "max_daily_conversation_per_phone",
        deserialize_with = "scalar::word"
    )]
    pub number_limit: Option<String>,
    /// Numbers the portfolio may have.
    #[serde(default, deserialize_with = "scalar::integer")]
    pub max_phone_numbers_per_business: Option<i64>,
    /// Numbers each account may have.
    #[serde(default, deserialize_with = "scalar::integer")]
    pub max_phone_numbers_per_waba: Option<i64>,
}

/// A flow's status or health.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FlowEvent {
    /// `FLOW_STATUS_CHANGE`, `CLIENT_ERROR_RATE`, `ENDPOINT_ERROR_RATE`, `ENDPOINT_LATENCY`,
    /// `ENDPOINT_AVAILABILITY`.
    #[serde(deserialize_with = "scalar::required")]
    pub event: String,
    /// Meta's id of the flow.
    #[serde(default, deserialize_with = "scalar::word")]
    pub flow_id: Option<String>,
    /// The status until now.
    #[serde(default, deserialize_with = "scalar::word")]
    pub old_status: Option<String>,
    /// The status from now on.
    #[serde(default, deserialize_with = "scalar::word")]
    pub new_status: Option<String>,
    /// `ACTIVATED`, `DEACTIVATED`.
    #[serde(default, deserialize_with = "scalar::word")]
    pub alert_state: Option<String>,
}

/// A solution of several partners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PartnerSolution {
    /// `SOLUTION_CREATED`, `SOLUTION_UPDATED`.
    #[serde(deserialize_with = "scalar::required")]
    pub event: String,
    /// Meta's id.
    #[serde(default, deserialize_with = "scalar::word")]
    pub solution_id: Option<String>,
    /// `ACTIVE`, `DRAFT`, …
    #[serde(default, deserialize_with = "scalar::word")]
    pub solution_status: Option<String>,
}

/// A payment provider's connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PaymentConfiguration {
    /// Its name.
    #[serde(deserialize_with = "scalar::required")]
    pub configuration_name: String,
    /// `razorpay`, `payu`, …
    #[serde(default, deserialize_with = "scalar::word")]
    pub provider_name: Option<String>,
    /// `Active`, `Needs Connecting`, `Needs Testing`.
    #[serde(default, deserialize_with = "scalar::word")]
    pub status: Option<String>,
}

/// Leads and purchases that Meta detected after an ad.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AutomaticEvents {
    /// The events as received.
    pub automatic_events: Vec<Value>,
}
