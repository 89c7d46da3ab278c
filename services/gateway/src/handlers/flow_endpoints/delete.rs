use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use sb_ids::FlowEndpointId;
use serde_json::json;
use uuid::Uuid;

use crate::audit;
use crate::state::Gateway;

/// Remove a flow endpoint
///
/// Flows that call it show a general error from now on. The account keeps its key pair, since Meta still has the public
/// half.
#[utoipa::path(
    operation_id = "flow_endpoints.delete",
    tag = "flow-endpoints",
    security(("api_key" = ["settings:write"])),
    params(("id" = Uuid, Path, description = "The flow endpoint.")),
    responses((status = 204, description = "Removed."), Problems),
)]
#[delete("/flow-endpoints/{id}")]
pub(crate) async fn delete(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let id = FlowEndpointId::from(id.into_inner());
    let now = gateway.clock.now();
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    if !tx.flow_endpoints().delete(id).await? {
        return Err(Problem::not_found(Code::FlowEndpointNotFound));
    }
    let action = "flow_endpoints.delete";
    let entry = audit::by_key(&tenant, action, "flow_endpoint", id, json!({}));
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
