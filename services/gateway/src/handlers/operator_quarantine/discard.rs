use actix_web::post;
use actix_web::web::{Data, Json, Path};
use sb_http::{Operator, Problem, Problems, ValidJson};
use uuid::Uuid;

use crate::handlers::quarantine::care::{self, Caretaker};
use crate::handlers::quarantine::{DiscardRequest, QuarantinedResponse};
use crate::state::Gateway;

/// Discard an update in quarantine, of any organization
///
/// It stays to be looked at, and is never run again.
#[utoipa::path(
    operation_id = "operator_quarantine.discard",
    tag = "operator",
    security(("operator" = [])),
    params(("id" = Uuid, Path, description = "The update.")),
    request_body = DiscardRequest,
    responses((status = 200, description = "Discarded.", body = QuarantinedResponse), Problems),
)]
#[post("/operator/quarantine/{id}/discard")]
pub(crate) async fn discard(
    _operator: Operator,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    body: ValidJson<DiscardRequest>,
) -> Result<Json<QuarantinedResponse>, Problem> {
    let by = (Caretaker::Operator, "operator_quarantine.discard");
    let item = care::discard(&gateway, by, id.into_inner().into(), &body.note).await?;
    Ok(Json(item.into()))
}
