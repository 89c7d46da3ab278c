use actix_web::get;
use actix_web::web::{Data, Json, Path};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use uuid::Uuid;

use super::FlowEndpointResponse;
use crate::state::Gateway;

/// Get a flow endpoint
#[utoipa::path(
    operation_id = "flow_endpoints.get",
    tag = "flow-endpoints",
    security(("api_key" = ["settings:read"])),
    params(("id" = Uuid, Path, description = "The flow endpoint.")),
    responses((status = 200, description = "The flow endpoint.", body = FlowEndpointResponse), Problems),
)]
#[get("/flow-endpoints/{id}")]
pub(crate) async fn get(
    tenant: Tenant<needs::SettingsRead>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<Json<FlowEndpointResponse>, Problem> {
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let endpoint = tx.flow_endpoints().find(id.into_inner().into()).await?;
    tx.commit().await?;
    let endpoint = endpoint.ok_or_else(|| Problem::not_found(Code::FlowEndpointNotFound))?;
    Ok(Json(endpoint.into()))
}
