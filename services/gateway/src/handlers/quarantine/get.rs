use actix_web::get;
use actix_web::web::{Data, Json, Path};
use sb_http::{Problem, Problems, Tenant, needs};
use uuid::Uuid;

use super::QuarantinedResponse;
use super::care::{self, Caretaker};
use crate::state::Gateway;

/// Get an update in quarantine
///
/// With the smallest piece at fault, as Meta sent it.
#[utoipa::path(
    operation_id = "quarantine.get",
    tag = "quarantine",
    security(("api_key" = ["messages:read"])),
    params(("id" = Uuid, Path, description = "The update.")),
    responses((status = 200, description = "The update.", body = QuarantinedResponse), Problems),
)]
#[get("/quarantine/{id}")]
pub(crate) async fn get(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<Json<QuarantinedResponse>, Problem> {
    let id = id.into_inner().into();
    let found = care::find(&gateway, Caretaker::from(&tenant), id).await?;
    Ok(Json(found.into()))
}
