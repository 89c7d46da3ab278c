use actix_web::patch;
use actix_web::web::{Data, Json, Path};
use sb_db::AgentChange;
use sb_domain::agent::{AgentConfig, AgentMode};
use sb_http::{Code, FieldErrors, Patch, Problem, Problems, Tenant, ValidJson, Validate, needs};
use sb_ids::AgentId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AgentResponse, NAME_MAX, check_config};
use crate::content_schema::{AgentConfigSchema, AgentModeSchema};
use crate::state::Gateway;
use crate::{audit, secrets};

/// What to change; what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateAgent)]
pub(crate) struct UpdateAgentRequest {
    /// A new name, 1 to 200 characters.
    name: Option<String>,
    /// Whether it answers.
    #[schema(value_type = Option<AgentModeSchema>)]
    mode: Option<AgentMode>,
    /// A new configuration, as a whole: what it does not name takes its default.
    #[schema(value_type = Option<AgentConfigSchema>)]
    config: Option<AgentConfig>,
    /// A new key of the model provider; null takes the installation's. Write-only; the stored one stays when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    model_key: Patch<String>,
}

impl Validate for UpdateAgentRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        if let Some(name) = &self.name {
            errors.check_length("name", name, 1..=NAME_MAX);
        }
        if let Some(config) = &self.config {
            check_config(config, errors);
        }
        if let Some(key) = self.model_key.as_set() {
            secrets::check("model_key", key, errors);
        }
    }
}

/// Change an agent
#[utoipa::path(
    operation_id = "agents.update",
    tag = "agents",
    security(("api_key" = ["settings:write"])),
    params(("id" = Uuid, Path, description = "The agent.")),
    request_body = UpdateAgentRequest,
    responses((status = 200, description = "Changed.", body = AgentResponse), Problems),
)]
#[patch("/agents/{id}")]
pub(crate) async fn update(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    body: ValidJson<UpdateAgentRequest>,
) -> Result<Json<AgentResponse>, Problem> {
    let id = AgentId::from(id.into_inner());
    let now = gateway.clock.now();
    let body = body.into_inner();
    let detail = json!({
        "name": body.name.is_some(),
        "mode": body.mode.map(AgentMode::as_str),
        "config": body.config.is_some(),
        "model_key": body.model_key != Patch::Keep,
    });
    let seal =
        |key: String| secrets::seal_model_key(&gateway.vault, tenant.organization(), id, &key);
    let sealed = match body.model_key {
        Patch::Keep => None,
        Patch::Clear => Some(None),
        Patch::Set(key) => Some(Some(seal(key)?)),
    };
    let change = AgentChange {
        name: body.name,
        mode: body.mode,
        config: body.config,
        model_key_sealed: sealed,
    };
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let agent = tx
        .agents()
        .update(id, &change, now)
        .await?
        .ok_or_else(|| Problem::not_found(Code::AgentNotFound))?;
    let entry = audit::by_key(&tenant, "agents.update", "agent", id, detail);
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    Ok(Json(agent.into()))
}
