//! `GET /v1/organizations/{organization}/wabas/{waba}/phone-numbers`: an account's numbers as Meta lists them.

use actix_web::web::{Data, Json, Path};
use sb_cloud_api::graph::PhoneNumberProfile;
use sb_ids::{OrganizationId, PhoneNumberId, WabaId};
use serde::Serialize;

use crate::handlers::ListResponse;
use crate::profiles::Profiles;
use crate::refusal::Refusal;

/// A number as Meta knows it; words are Meta's own.
#[derive(Debug, Serialize)]
pub(crate) struct PhoneNumberResponse {
    phone_number_id: PhoneNumberId,
    display_phone_number: Option<String>,
    verified_name: Option<String>,
    status: Option<String>,
    quality_rating: Option<String>,
    throughput_level: Option<String>,
    messaging_limit: Option<String>,
    code_verification_status: Option<String>,
    name_status: Option<String>,
    platform_type: Option<String>,
    account_mode: Option<String>,
}

impl From<PhoneNumberProfile> for PhoneNumberResponse {
    fn from(profile: PhoneNumberProfile) -> Self {
        Self {
            phone_number_id: profile.id,
            display_phone_number: profile.display_phone_number,
            verified_name: profile.verified_name,
            status: profile.status,
            quality_rating: profile.quality_rating,
            throughput_level: profile.throughput_level,
            messaging_limit: profile.messaging_limit,
            code_verification_status: profile.code_verification_status,
            name_status: profile.name_status,
            platform_type: profile.platform_type,
            account_mode: profile.account_mode,
        }
    }
}

/// Asks Meta; all pages at once, since an account has few numbers.
pub(crate) async fn handle(
    profiles: Data<Profiles>,
    path: Path<(OrganizationId, WabaId)>,
) -> Result<Json<ListResponse<PhoneNumberResponse>>, Refusal> {
    let (organization, waba) = path.into_inner();
    let listed = profiles.phone_numbers(organization, &waba).await?;
    let data = listed.into_iter().map(PhoneNumberResponse::from).collect();
    Ok(Json(ListResponse::new(data, None)))
}
