use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use sb_db::NewAgent;
use sb_domain::agent::{AgentConfig, AgentMode};
use sb_http::{FieldErrors, IdempotencyKey, Problem, Problems, Tenant, ValidJson, Validate, needs};
use sb_ids::AgentId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{AgentResponse, NAME_MAX, check_config};
use crate::content_schema::{AgentConfigSchema, AgentModeSchema};
use crate::state::Gateway;
use crate::{audit, secrets};

/// An agent to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateAgent)]
pub(crate) struct CreateAgentRequest {
    /// What people call it, 1 to 200 characters.
    #[schema(example = "Front desk")]
    name: String,
    /// Whether it answers.
    #[serde(default)]
    #[schema(value_type = Option<AgentModeSchema>)]
    mode: AgentMode,
    /// How it answers.
    #[serde(default)]
    #[schema(value_type = Option<AgentConfigSchema>)]
    config: AgentConfig,
    /// The model provider's key; the installation's when absent. Write-only.
    model_key: Option<String>,
}

impl Validate for CreateAgentRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        errors.check_length("name", &self.name, 1..=NAME_MAX);
        check_config(&self.config, errors);
        if let Some(key) = &self.model_key {
            secrets::check("model_key", key, errors);
        }
    }
}

/// Make an agent
///
/// It answers where a conversation, a number or the organization names it. Takes an `Idempotency-Key`.
#[utoipa::path(
    operation_id = "agents.create",
    tag = "agents",
    security(("api_key" = ["settings:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key do nothing new.")),
    request_body = CreateAgentRequest,
    responses((status = 201, description = "Made.", body = AgentResponse), Problems),
)]
#[post("/agents")]
pub(crate) async fn create(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    idempotency: IdempotencyKey,
    body: ValidJson<CreateAgentRequest>,
) -> Result<HttpResponse, Problem> {
    let now = gateway.clock.now();
    let once = idempotency.bind(&body, gateway.limits.idempotency_lifetime);
    let body = body.into_inner();
    let id = AgentId::new(now);
    let sealed = body
        .model_key
        .map(|key| secrets::seal_model_key(&gateway.vault, tenant.organization(), id, &key))
        .transpose()?;
    let new = NewAgent {
        id,
        name: body.name,
        mode: body.mode,
        config: body.config,
        model_key_sealed: sealed,
    };
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    if let Some(replay) = once.claim(tx.idempotency(), now).await? {
        return Ok(replay);
    }
    let answer = AgentResponse::from(tx.agents().insert(&new, now).await?);
    let entry = audit::by_key(&tenant, "agents.create", "agent", id, json!({}));
    tx.audit().append(&entry, now).await?;
    once.remember(tx.idempotency(), StatusCode::CREATED, &answer, now)
        .await?;
    tx.commit().await?;
    Ok(HttpResponse::Created().json(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_out_of_range_is_named_with_its_path() {
        let body: CreateAgentRequest = serde_json::from_value(json!({
            "name": "n", "config": { "max_messages": 0 }, "model_key": "two words",
        }))
        .unwrap();
        let mut errors = FieldErrors::default();
        body.validate(&mut errors);
        let fields: Vec<String> = errors
            .finish()
            .unwrap_err()
            .into_iter()
            .map(|error| error.field)
            .collect();
        assert_eq!(fields, ["config.max_messages", "model_key"]);
    }
}
