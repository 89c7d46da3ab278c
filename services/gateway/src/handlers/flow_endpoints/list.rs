use actix_web::get;
use actix_web::web::{Data, Json, Query};
use sb_http::{PageQuery, Problem, Problems, Tenant, needs};

use super::FlowEndpointResponse;
use crate::list::ListResponse;
use crate::state::Gateway;

/// List flow endpoints
///
/// The latest come first.
#[utoipa::path(
    operation_id = "flow_endpoints.list",
    tag = "flow-endpoints",
    security(("api_key" = ["settings:read"])),
    params(PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<FlowEndpointResponse>), Problems),
)]
#[get("/flow-endpoints")]
pub(crate) async fn list(
    tenant: Tenant<needs::SettingsRead>,
    gateway: Data<Gateway>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<FlowEndpointResponse>>, Problem> {
    let request = page.request()?;
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let page = tx.flow_endpoints().list(request).await?;
    tx.commit().await?;
    Ok(Json(ListResponse::of(page, FlowEndpointResponse::from)))
}
