use actix_web::get;
use actix_web::web::{Data, Json, Path};
use sb_http::{Operator, Problem, Problems};
use uuid::Uuid;

use crate::handlers::quarantine::QuarantinedResponse;
use crate::handlers::quarantine::care::{self, Caretaker};
use crate::state::Gateway;

/// Get an update in quarantine, of any organization
///
/// With the smallest piece at fault, as Meta sent it.
#[utoipa::path(
    operation_id = "operator_quarantine.get",
    tag = "operator",
    security(("operator" = [])),
    params(("id" = Uuid, Path, description = "The update.")),
    responses((status = 200, description = "The update.", body = QuarantinedResponse), Problems),
)]
#[get("/operator/quarantine/{id}")]
pub(crate) async fn get(
    _operator: Operator,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<Json<QuarantinedResponse>, Problem> {
    let id = id.into_inner().into();
    let found = care::find(&gateway, Caretaker::Operator, id).await?;
    Ok(Json(found.into()))
}
