use actix_web::get;
use actix_web::web::{Data, Json, Path};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use uuid::Uuid;

use super::AgentResponse;
use crate::state::Gateway;

/// Get an agent
#[utoipa::path(
    operation_id = "agents.get",
    tag = "agents",
    security(("api_key" = ["settings:read"])),
    params(("id" = Uuid, Path, description = "The agent.")),
    responses((status = 200, description = "The agent.", body = AgentResponse), Problems),
)]
#[get("/agents/{id}")]
pub(crate) async fn get(
    tenant: Tenant<needs::SettingsRead>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<Json<AgentResponse>, Problem> {
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let agent = tx.agents().find(id.into_inner().into()).await?;
    tx.commit().await?;
    let agent = agent.ok_or_else(|| Problem::not_found(Code::AgentNotFound))?;
    Ok(Json(agent.into()))
}
