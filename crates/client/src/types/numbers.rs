use chrono::{DateTime, Utc};
use sb_ids::{AgentId, MetaAppId, NumberId, PhoneNumberId, WabaId};
use serde::{Deserialize, Serialize};

/// A business phone number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Number {
    /// Our id.
    pub id: NumberId,
    /// Meta's id.
    pub phone_number_id: PhoneNumberId,
    /// The account it belongs to.
    pub waba_id: WabaId,
    /// As people write it; empty until Meta was asked.
    pub display_phone_number: String,
    /// The name Meta verified.
    pub verified_name: String,
    /// Meta's word.
    pub status: String,
    /// Meta's word.
    pub quality_rating: String,
    /// Meta's word.
    pub throughput_level: String,
    /// Meta's word.
    pub messaging_limit: String,
    /// Messages a second that may be sent.
    pub rate_per_second: Option<u16>,
    /// An access token is stored.
    pub has_access_token: bool,
    /// When Meta refused the token.
    pub token_rejected_at: Option<DateTime<Utc>>,
    /// The agent that answers here.
    pub agent_id: Option<AgentId>,
    /// When Meta was last asked about the number.
    pub profile_refreshed_at: Option<DateTime<Utc>>,
    /// When it was connected.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A number to be connected.
#[derive(Clone, Serialize)]
pub struct CreateNumber {
    /// Meta's id of the number.
    pub phone_number_id: PhoneNumberId,
    /// Meta's id of the account.
    pub waba_id: WabaId,
    /// The app that speaks for the account; the installation's first one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_id: Option<MetaAppId>,
    /// As people write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_phone_number: Option<String>,
    /// Meta's access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// The agent that answers here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// Messages a second that may be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<u16>,
}

impl CreateNumber {
    /// A number with nothing but its ids.
    pub const fn new(phone_number_id: PhoneNumberId, waba_id: WabaId) -> Self {
        Self {
            phone_number_id,
            waba_id,
            app_id: None,
            display_phone_number: None,
            access_token: None,
            agent_id: None,
            rate_per_second: None,
        }
    }
}

impl std::fmt::Debug for CreateNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateNumber")
            .field("phone_number_id", &self.phone_number_id)
            .field("waba_id", &self.waba_id)
            .finish_non_exhaustive()
    }
}

/// What to change; `None` leaves a field alone.
#[derive(Clone, Default, Serialize)]
pub struct UpdateNumber {
    /// A new agent, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<Option<AgentId>>,
    /// A new rate, or the installation's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<Option<u16>>,
    /// A new access token of Meta's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
}

impl std::fmt::Debug for UpdateNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpdateNumber")
            .field("agent_id", &self.agent_id)
            .field("rate_per_second", &self.rate_per_second)
            .finish_non_exhaustive()
    }
}
