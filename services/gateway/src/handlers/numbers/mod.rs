//! Business phone numbers and their credentials, which go in and never come out.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;

use chrono::{DateTime, Utc};
use sb_db::Number;
use sb_http::FieldErrors;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A business phone number.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Number)]
pub(crate) struct NumberResponse {
    /// Our id.
    id: Uuid,
    /// Meta's id.
    #[schema(example = "106540352242922")]
    phone_number_id: String,
    /// Meta's id of the WhatsApp Business Account.
    #[schema(example = "102290129340398")]
    waba_id: String,
    /// As people write it; empty until Meta was asked.
    #[schema(example = "+1 555 010 0001")]
    display_phone_number: String,
    /// The name Meta verified.
    verified_name: String,
    /// Meta's word, `CONNECTED` when all is well; empty until Meta was asked.
    status: String,
    /// Meta's word: `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    quality_rating: String,
    /// Meta's word: `STANDARD` or `HIGH`.
    throughput_level: String,
    /// Meta's word: `TIER_250`, `TIER_1K`, …
    messaging_limit: String,
    /// Messages a second that may be sent; null takes the installation's default.
    rate_per_second: Option<u16>,
    /// An access token is stored. It is never shown.
    has_access_token: bool,
    /// When Meta refused the token. Sending waits until a new one is stored.
    token_rejected_at: Option<DateTime<Utc>>,
    /// The agent that answers here; null takes the organization's default.
    agent_id: Option<Uuid>,
    /// When Meta was last asked about the number.
    profile_refreshed_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Number> for NumberResponse {
    fn from(number: Number) -> Self {
        Self {
            id: number.id.as_uuid(),
            phone_number_id: number.phone_number_id.into(),
            waba_id: number.waba.into(),
            display_phone_number: number.display_phone_number,
            verified_name: number.verified_name,
            status: number.status,
            quality_rating: number.quality_rating,
            throughput_level: number.throughput_level,
            messaging_limit: number.messaging_limit,
            rate_per_second: number.rate_per_second,
            has_access_token: number.has_access_token,
            token_rejected_at: number.token_rejected_at,
            agent_id: number.agent.map(Uuid::from),
            profile_refreshed_at: number.profile_refreshed_at,
            created_at: number.created_at,
            updated_at: number.updated_at,
        }
    }
}

fn check_rate(rate: u16, errors: &mut FieldErrors) {
    if !(1..=1000).contains(&rate) {
        errors.add("rate_per_second", "must be 1 to 1000");
    }
}
