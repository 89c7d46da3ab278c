use actix_web::get;
use actix_web::web::{Data, Json, Query};
use sb_http::{PageQuery, Problem, Problems, Tenant, needs};

use super::AgentResponse;
use crate::list::ListResponse;
use crate::state::Gateway;

/// List agents
///
/// The latest come first.
#[utoipa::path(
    operation_id = "agents.list",
    tag = "agents",
    security(("api_key" = ["settings:read"])),
    params(PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<AgentResponse>), Problems),
)]
#[get("/agents")]
pub(crate) async fn list(
    tenant: Tenant<needs::SettingsRead>,
    gateway: Data<Gateway>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<AgentResponse>>, Problem> {
    let request = page.request()?;
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let page = tx.agents().list(request).await?;
    tx.commit().await?;
    Ok(Json(ListResponse::of(page, AgentResponse::from)))
}
