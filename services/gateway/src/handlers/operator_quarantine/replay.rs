use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use sb_http::{Operator, Problem, Problems};
use uuid::Uuid;

use crate::handlers::quarantine::QuarantinedResponse;
use crate::handlers::quarantine::care::{self, Caretaker};
use crate::state::Gateway;

/// Replay an update in quarantine, of any organization
///
/// Runs the post it came in again, for everything of it that is open. What was stored before is not stored, announced or
/// answered a second time. Soon after, `state` is `replayed`, or `open` again with the latest `reason` and one more of
/// `attempts`. `quarantine.expired` says that the post is no longer kept.
#[utoipa::path(
    operation_id = "operator_quarantine.replay",
    tag = "operator",
    security(("operator" = [])),
    params(("id" = Uuid, Path, description = "The update.")),
    responses((status = 202, description = "It is run again.", body = QuarantinedResponse), Problems),
)]
#[post("/operator/quarantine/{id}/replay")]
pub(crate) async fn replay(
    _operator: Operator,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let by = (Caretaker::Operator, "operator_quarantine.replay");
    let item = care::replay(&gateway, by, id.into_inner().into()).await?;
    Ok(HttpResponse::Accepted().json(QuarantinedResponse::from(item)))
}
