//! Numbers of ours.

pub(crate) mod list;
pub(crate) mod refresh;

use chrono::{DateTime, Utc};
use sb_db::Number;
use sb_ids::{NumberId, PhoneNumberId, WabaId};
use serde::Serialize;

/// A number as we know it.
#[derive(Debug, Serialize)]
pub(crate) struct NumberResponse {
    id: NumberId,
    phone_number_id: PhoneNumberId,
    waba_id: WabaId,
    display_phone_number: String,
    verified_name: String,
    status: String,
    quality_rating: String,
    throughput_level: String,
    messaging_limit: String,
    has_access_token: bool,
    token_rejected_at: Option<DateTime<Utc>>,
    profile_refreshed_at: Option<DateTime<Utc>>,
}

impl From<Number> for NumberResponse {
    fn from(number: Number) -> Self {
        Self {
            id: number.id,
            phone_number_id: number.phone_number_id,
            waba_id: number.waba,
            display_phone_number: number.display_phone_number,
            verified_name: number.verified_name,
            status: number.status,
            quality_rating: number.quality_rating,
            throughput_level: number.throughput_level,
            messaging_limit: number.messaging_limit,
            has_access_token: number.has_access_token,
            token_rejected_at: number.token_rejected_at,
            profile_refreshed_at: number.profile_refreshed_at,
        }
    }
}
