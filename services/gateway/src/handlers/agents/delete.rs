use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use sb_ids::AgentId;
use serde_json::json;
use uuid::Uuid;

use crate::audit;
use crate::state::Gateway;

/// Remove an agent
///
/// Conversations, numbers and the organization that named it name none any more. What it wrote stays.
#[utoipa::path(
    operation_id = "agents.delete",
    tag = "agents",
    security(("api_key" = ["settings:write"])),
    params(("id" = Uuid, Path, description = "The agent.")),
    responses((status = 204, description = "Removed."), Problems),
)]
#[delete("/agents/{id}")]
pub(crate) async fn delete(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let id = AgentId::from(id.into_inner());
    let now = gateway.clock.now();
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    if !tx.agents().delete(id).await? {
        return Err(Problem::not_found(Code::AgentNotFound));
    }
    let entry = audit::by_key(&tenant, "agents.delete", "agent", id, json!({}));
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
