use actix_web::post;
use actix_web::web::{Data, Json, Path};
use sb_http::{Problem, Problems, Tenant, ValidJson, needs};
use uuid::Uuid;

use super::care::{self, Caretaker};
use super::{DiscardRequest, QuarantinedResponse};
use crate::state::Gateway;

/// Discard an update in quarantine
///
/// It stays to be looked at, and is never run again.
#[utoipa::path(
    operation_id = "quarantine.discard",
    tag = "quarantine",
    security(("api_key" = ["settings:write"])),
    params(("id" = Uuid, Path, description = "The update.")),
    request_body = DiscardRequest,
    responses((status = 200, description = "Discarded.", body = QuarantinedResponse), Problems),
)]
#[post("/quarantine/{id}/discard")]
pub(crate) async fn discard(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    body: ValidJson<DiscardRequest>,
) -> Result<Json<QuarantinedResponse>, Problem> {
    let by = (Caretaker::from(&tenant), "quarantine.discard");
    let item = care::discard(&gateway, by, id.into_inner().into(), &body.note).await?;
    Ok(Json(item.into()))
}
