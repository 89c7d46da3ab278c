use actix_web::patch;
use actix_web::web::{Data, Json, Path};
use sb_db::FlowEndpointChange;
use sb_egress::RequestSigner;
use sb_http::{Code, FieldErrors, Problem, Problems, Tenant, ValidJson, Validate, needs};
use sb_ids::FlowEndpointId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{FlowEndpointResponse, HandlerBody, NAME_MAX};
use crate::handlers::agent_must_exist;
use crate::state::Gateway;
use crate::{audit, secrets};

/// What to change; what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateFlowEndpoint)]
pub(crate) struct UpdateFlowEndpointRequest {
    /// A new name, 1 to 200 characters.
    name: Option<String>,
    /// Another maker of the screens, as a whole.
    handler: Option<HandlerBody>,
    /// A new signing secret: `whsec_` and 24 to 64 random bytes in base64. Write-only; the stored one stays when absent.
    signing_secret: Option<String>,
}

impl Validate for UpdateFlowEndpointRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        if let Some(name) = &self.name {
            errors.check_length("name", name, 1..=NAME_MAX);
        }
        if let Some(handler) = &self.handler {
            handler.validate(errors);
        }
        if let Some(Err(error)) = self.signing_secret.as_deref().map(RequestSigner::new) {
            errors.add("signing_secret", error.to_string());
        }
    }
}

/// Change a flow endpoint
#[utoipa::path(
    operation_id = "flow_endpoints.update",
    tag = "flow-endpoints",
    security(("api_key" = ["settings:write"])),
    params(("id" = Uuid, Path, description = "The flow endpoint.")),
    request_body = UpdateFlowEndpointRequest,
    responses((status = 200, description = "Changed.", body = FlowEndpointResponse), Problems),
)]
#[patch("/flow-endpoints/{id}")]
pub(crate) async fn update(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    body: ValidJson<UpdateFlowEndpointRequest>,
) -> Result<Json<FlowEndpointResponse>, Problem> {
    let id = FlowEndpointId::from(id.into_inner());
    let now = gateway.clock.now();
    let body = body.into_inner();
    if let Some(handler) = &body.handler {
        handler.check(&gateway)?;
    }
    let detail = json!({
        "name": body.name.is_some(),
        "handler": body.handler.is_some(),
        "signing_secret": body.signing_secret.is_some(),
    });
    let seal = |secret: String| {
        secrets::seal_signing_secret(&gateway.vault, tenant.organization(), id, &secret)
    };
    let change = FlowEndpointChange {
        name: body.name,
        handler: body.handler.map(Into::into),
        signing_secret_sealed: body.signing_secret.map(seal).transpose()?,
    };
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let endpoint = tx
        .flow_endpoints()
        .update(id, &change, now)
        .await
        .map_err(agent_must_exist("handler.agent_id"))?
        .ok_or_else(|| Problem::not_found(Code::FlowEndpointNotFound))?;
    let action = "flow_endpoints.update";
    let entry = audit::by_key(&tenant, action, "flow_endpoint", id, detail);
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    Ok(Json(endpoint.into()))
}
