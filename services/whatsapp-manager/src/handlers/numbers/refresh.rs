//! `POST /v1/organizations/{organization}/numbers/{number}/refresh`: asks Meta about a number now.

use actix_web::web::{Data, Json, Path};
use sb_ids::{NumberId, OrganizationId};
use serde::Serialize;

use super::NumberResponse;
use crate::profiles::Profiles;
use crate::refusal::Refusal;

/// The number as it is now.
#[derive(Debug, Serialize)]
pub(crate) struct RefreshResponse {
    number: NumberResponse,
    /// What Meta says differently from before.
    changed: Vec<&'static str>,
}

/// Reads the profile and stores it. Repeating it is harmless.
pub(crate) async fn handle(
    profiles: Data<Profiles>,
    path: Path<(OrganizationId, NumberId)>,
) -> Result<Json<RefreshResponse>, Refusal> {
    let (organization, number) = path.into_inner();
    let refreshed = profiles.refresh(organization, number).await?;
    Ok(Json(RefreshResponse {
        number: refreshed.number.into(),
        changed: refreshed.changed,
    }))
}
