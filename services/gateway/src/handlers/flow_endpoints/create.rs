use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use sb_db::{FlowEndpoint, NewFlowEndpoint, NewFlowKey};
use sb_egress::generate_signing_secret;
use sb_http::{FieldErrors, Problem, Problems, Tenant, ValidJson, Validate, needs};
use sb_ids::{FlowEndpointId, FlowKeyId, MetaAppId, OrganizationId, WabaId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{FlowEndpointResponse, HandlerBody, NAME_MAX, make_key};
use crate::handlers::agent_must_exist;
use crate::state::Gateway;
use crate::{audit, secrets};

/// A flow endpoint to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateFlowEndpoint)]
pub(crate) struct CreateFlowEndpointRequest {
    /// What people call it, 1 to 200 characters.
    #[schema(example = "Orders")]
    name: String,
    /// Meta's id of the account whose flows call it: that of one of your numbers.
    #[schema(value_type = String, example = "102290129340398")]
    waba_id: WabaId,
    /// Meta's id of the app that is connected to the flows; the account's app when absent.
    #[schema(value_type = Option<String>, example = "900000000000001")]
    app_id: Option<MetaAppId>,
    /// Who makes the screens.
    handler: HandlerBody,
}

impl Validate for CreateFlowEndpointRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        errors.check_length("name", &self.name, 1..=NAME_MAX);
        self.handler.validate(errors);
    }
}

/// A new flow endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedFlowEndpoint)]
pub(crate) struct CreatedFlowEndpointResponse {
    #[serde(flatten)]
    endpoint: FlowEndpointResponse,
    /// The key with which requests to your server are signed (Standard Webhooks). It is never shown again.
    #[schema(example = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    signing_secret: String,
}

/// Make a flow endpoint
///
/// Makes the account's key pair if it has none. The signing secret is in the answer and is never shown again, therefore
/// no `Idempotency-Key` is taken: a repeated request makes a second endpoint, which can be removed.
#[utoipa::path(
    operation_id = "flow_endpoints.create",
    tag = "flow-endpoints",
    security(("api_key" = ["settings:write"])),
    request_body = CreateFlowEndpointRequest,
    responses((status = 201, description = "Made.", body = CreatedFlowEndpointResponse), Problems),
)]
#[post("/flow-endpoints")]
pub(crate) async fn create(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    body: ValidJson<CreateFlowEndpointRequest>,
) -> Result<HttpResponse, Problem> {
    let organization = tenant.organization();
    let body = body.into_inner();
    body.handler.check(&gateway)?;
    let app = signing_app(&gateway, organization, &body.waba_id, body.app_id).await?;
    make_missing_key(&gateway, organization, &body.waba_id).await?;
    let now = gateway.clock.now();
    let id = FlowEndpointId::new(now);
    let secret = generate_signing_secret().map_err(Problem::internal)?;
    let new = NewFlowEndpoint {
        id,
        name: body.name,
        waba: body.waba_id,
        app,
        handler: body.handler.into(),
        signing_secret_sealed: secrets::seal_signing_secret(
            &gateway.vault,
            organization,
            id,
            secret.expose(),
        )?,
    };
    let endpoint = store(&tenant, &gateway, &new).await?;
    Ok(HttpResponse::Created().json(CreatedFlowEndpointResponse {
        endpoint: endpoint.into(),
        signing_secret: secret.expose().to_owned(),
    }))
}

async fn store(
    tenant: &Tenant<needs::SettingsWrite>,
    gateway: &Gateway,
    new: &NewFlowEndpoint,
) -> Result<FlowEndpoint, Problem> {
    let now = gateway.clock.now();
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let endpoint = tx
        .flow_endpoints()
        .insert(new, now)
        .await
        .map_err(agent_must_exist("handler.agent_id"))?;
    let detail = json!({ "waba_id": new.waba, "app_id": new.app });
    let action = "flow_endpoints.create";
    let entry = audit::by_key(tenant, action, "flow_endpoint", new.id, detail);
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    Ok(endpoint)
}

/// The app whose secret signs: it must be one of this installation's, or nothing could be verified.
async fn signing_app(
    gateway: &Gateway,
    organization: OrganizationId,
    waba: &WabaId,
    wanted: Option<MetaAppId>,
) -> Result<MetaAppId, Problem> {
    let refused =
        |field: &str, detail: &str| Err(Problem::invalid(Vec::new()).field(field, detail));
    let mut tx = gateway.db.tenant(organization).await?;
    let account = tx.number_profiles().find_account(waba).await?;
    tx.commit().await?;
    let Some(account) = account else {
        return refused("waba_id", "is not an account of one of your numbers");
    };
    let app = wanted.unwrap_or(account.app);
    if gateway.limits.apps.contains(&app) {
        Ok(app)
    } else {
        refused("app_id", "is not an app of this installation")
    }
}

/// Endpoints of an account share its key pair. When two requests make it at once, the first one's counts.
async fn make_missing_key(
    gateway: &Gateway,
    organization: OrganizationId,
    waba: &WabaId,
) -> Result<(), Problem> {
    let mut tx = gateway.db.tenant(organization).await?;
    let existing = tx.flow_keys().get_for_update(waba).await?;
    tx.commit().await?;
    if existing.is_some() {
        return Ok(());
    }
    let id = FlowKeyId::new(gateway.clock.now());
    let key = make_key(gateway, organization, id).await?;
    let new = NewFlowKey {
        id,
        waba: waba.clone(),
        public_key_pem: key.public_key_pem,
        private_key_sealed: key.private_key_sealed,
    };
    let mut tx = gateway.db.tenant(organization).await?;
    tx.flow_keys().insert(&new, gateway.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}
