use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use sb_http::{Problem, Problems, Tenant, needs};
use uuid::Uuid;

use super::QuarantinedResponse;
use super::care::{self, Caretaker};
use crate::state::Gateway;

/// Replay an update in quarantine
///
/// Runs the post it came in again, for everything of it that is yours and open. What was stored before is not stored, announced or
/// answered a second time. Soon after, `state` is `replayed`, or `open` again with the latest `reason` and one more of
/// `attempts`. `quarantine.expired` says that the post is no longer kept.
#[utoipa::path(
    operation_id = "quarantine.replay",
    tag = "quarantine",
    security(("api_key" = ["settings:write"])),
    params(("id" = Uuid, Path, description = "The update.")),
    responses((status = 202, description = "It is run again.", body = QuarantinedResponse), Problems),
)]
#[post("/quarantine/{id}/replay")]
pub(crate) async fn replay(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let by = (Caretaker::from(&tenant), "quarantine.replay");
    let item = care::replay(&gateway, by, id.into_inner().into()).await?;
    Ok(HttpResponse::Accepted().json(QuarantinedResponse::from(item)))
}
