//! `POST /v1/organizations/{organization}/wabas/{waba}/subscribe`: has Meta send an account's updates to our app.

use actix_web::web::{Data, Json, Path};
use chrono::{DateTime, Utc};
use sb_ids::{OrganizationId, WabaId};
use serde::Serialize;

use crate::profiles::Profiles;
use crate::refusal::Refusal;

/// The subscription.
#[derive(Debug, Serialize)]
pub(crate) struct SubscribeResponse {
    waba_id: WabaId,
    subscribed_at: DateTime<Utc>,
}

/// Subscribes the app that the token belongs to. Repeating it is harmless.
pub(crate) async fn handle(
    profiles: Data<Profiles>,
    path: Path<(OrganizationId, WabaId)>,
) -> Result<Json<SubscribeResponse>, Refusal> {
    let (organization, waba_id) = path.into_inner();
    let subscribed_at = profiles.subscribe(organization, &waba_id).await?;
    Ok(Json(SubscribeResponse {
        waba_id,
        subscribed_at,
    }))
}
