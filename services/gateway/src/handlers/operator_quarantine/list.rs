use actix_web::get;
use actix_web::web::{Data, Json, Query};
use sb_db::{QuarantineFilter, SystemReason};
use sb_http::{Operator, PageQuery, Problem, Problems};
use sb_ids::OrganizationId;
use serde::Deserialize;
use uuid::Uuid;

use crate::handlers::quarantine::{Filter, QuarantinedResponse};
use crate::list::ListResponse;
use crate::state::Gateway;

/// Whose updates are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Owner {
    /// Only those of this organization.
    organization_id: Option<Uuid>,
}

/// List updates in quarantine, of any organization
///
/// Of all organizations, and those whose organization is not known: the latest come first, without their payloads.
#[utoipa::path(
    operation_id = "operator_quarantine.list",
    tag = "operator",
    security(("operator" = [])),
    params(Owner, Filter, PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<QuarantinedResponse>), Problems),
)]
#[get("/operator/quarantine")]
pub(crate) async fn list(
    _operator: Operator,
    gateway: Data<Gateway>,
    owner: Query<Owner>,
    filter: Query<Filter>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<QuarantinedResponse>>, Problem> {
    let request = page.request()?;
    let filter = QuarantineFilter {
        organization: owner.organization_id.map(OrganizationId::from),
        ..filter.of_anybody()
    };
    let mut tx = gateway.db.system(SystemReason::Quarantine).await?;
    let page = tx.quarantine().list(&filter, request).await?;
    tx.commit().await?;
    Ok(Json(ListResponse::of(page, QuarantinedResponse::from)))
}
