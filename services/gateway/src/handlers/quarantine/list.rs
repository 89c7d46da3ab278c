use actix_web::get;
use actix_web::web::{Data, Json, Query};
use sb_http::{PageQuery, Problem, Problems, Tenant, needs};

use super::{Filter, QuarantinedResponse};
use crate::list::ListResponse;
use crate::state::Gateway;

/// List updates in quarantine
///
/// Updates of Meta's that could not be handled and are known to be yours, the latest first, without their payloads.
#[utoipa::path(
    operation_id = "quarantine.list",
    tag = "quarantine",
    security(("api_key" = ["messages:read"])),
    params(Filter, PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<QuarantinedResponse>), Problems),
)]
#[get("/quarantine")]
pub(crate) async fn list(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    filter: Query<Filter>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<QuarantinedResponse>>, Problem> {
    let request = page.request()?;
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let page = tx.quarantine().list(&filter.of_anybody(), request).await?;
    tx.commit().await?;
    Ok(Json(ListResponse::of(page, QuarantinedResponse::from)))
}
