use actix_web::patch;
use actix_web::web::{Data, Json, Path};
use sb_db::NumberChange;
use sb_http::{Code, FieldErrors, Patch, Problem, Problems, Tenant, ValidJson, Validate, needs};
use sb_ids::NumberId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{NumberResponse, check_rate};
use crate::handlers::agent_must_exist;
use crate::state::Gateway;
use crate::{audit, secrets};

/// What to change; what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateNumber)]
pub(crate) struct UpdateNumberRequest {
    /// The agent that answers here; null takes the organization's default.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    agent_id: Patch<Uuid>,
    /// Messages a second that may be sent, 1 to 1000; null takes the installation's default.
    #[serde(default)]
    #[schema(value_type = Option<u16>)]
    rate_per_second: Patch<u16>,
    /// A new access token of Meta's. Write-only; the stored one stays when absent.
    access_token: Option<String>,
}

impl Validate for UpdateNumberRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        if let Some(rate) = self.rate_per_second.as_set() {
            check_rate(*rate, errors);
        }
        if let Some(token) = &self.access_token {
            secrets::check("access_token", token, errors);
        }
    }
}

/// Change a number
#[utoipa::path(
    operation_id = "numbers.update",
    tag = "numbers",
    security(("api_key" = ["settings:write"])),
    params(("id" = Uuid, Path, description = "The number.")),
    request_body = UpdateNumberRequest,
    responses((status = 200, description = "Changed.", body = NumberResponse), Problems),
)]
#[patch("/numbers/{id}")]
pub(crate) async fn update(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    body: ValidJson<UpdateNumberRequest>,
) -> Result<Json<NumberResponse>, Problem> {
    let id = NumberId::from(id.into_inner());
    let now = gateway.clock.now();
    let body = body.into_inner();
    let detail = json!({
        "agent_id": body.agent_id != Patch::Keep,
        "rate_per_second": body.rate_per_second != Patch::Keep,
        "access_token": body.access_token.is_some(),
    });
    let sealed = body
        .access_token
        .map(|token| secrets::seal_access_token(&gateway.vault, tenant.organization(), id, &token))
        .transpose()?;
    let change = NumberChange {
        agent: body.agent_id.into_change().map(|id| id.map(Into::into)),
        rate_per_second: body.rate_per_second.into_change(),
        access_token_sealed: sealed,
    };
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let number = tx
        .numbers()
        .update(id, &change, now)
        .await
        .map_err(agent_must_exist("agent_id"))?
        .ok_or_else(|| Problem::not_found(Code::NumberNotFound))?;
    let entry = audit::by_key(&tenant, "numbers.update", "number", id, detail);
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    Ok(Json(number.into()))
}
