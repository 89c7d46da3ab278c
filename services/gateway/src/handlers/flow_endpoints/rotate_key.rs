use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use chrono::{DateTime, TimeDelta, Utc};
use sb_db::{FlowEndpoint, RotatedFlowKey, StoredFlowKey, TenantTx};
use sb_http::{
    Code, FieldErrors, IdempotencyKey, Problem, Problems, Tenant, ValidJson, Validate, needs,
};
use sb_ids::{FlowEndpointId, FlowKeyId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{FlowEndpointResponse, MadeKey, make_key};
use crate::state::Gateway;
use crate::{audit, secrets};

/// Longest time that a replaced key may still count, in hours: a month.
const VALID_MAX: u16 = 720;

/// How to rotate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateFlowKey)]
pub(crate) struct RotateFlowKeyRequest {
    /// How long requests for the replaced key are still read, in hours, 0 to 720. Give 0 when it is known to others.
    #[serde(default = "a_day")]
    #[schema(default = 24)]
    previous_valid_hours: u16,
}

const fn a_day() -> u16 {
    24
}

impl Validate for RotateFlowKeyRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        if self.previous_valid_hours > VALID_MAX {
            errors.add("previous_valid_hours", "must be 0 to 720");
        }
    }
}

/// Rotate the key pair of a flow endpoint
///
/// Makes a new key pair for the endpoint's account, which all endpoints of the account share. Give the new public key
/// to Meta for each number of the account at once: phones that still have the old one are read until
/// `previous_key_valid_until`. Takes an `Idempotency-Key`.
#[utoipa::path(
    operation_id = "flow_endpoints.rotate_key",
    tag = "flow-endpoints",
    security(("api_key" = ["settings:write"])),
    params(
        ("id" = Uuid, Path, description = "The flow endpoint."),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key do nothing new."),
    ),
    request_body = RotateFlowKeyRequest,
    responses((status = 200, description = "Rotated.", body = FlowEndpointResponse), Problems),
)]
#[post("/flow-endpoints/{id}/rotate-key")]
pub(crate) async fn rotate_key(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    idempotency: IdempotencyKey,
    body: ValidJson<RotateFlowKeyRequest>,
) -> Result<HttpResponse, Problem> {
    let id = FlowEndpointId::from(id.into_inner());
    let organization = tenant.organization();
    let once = idempotency.bind(&body, gateway.limits.idempotency_lifetime);
    let mut tx = gateway.db.tenant(organization).await?;
    let (_, key) = key_of(&mut tx, id).await?;
    tx.commit().await?;
    // Before the transaction that uses it, which then is short.
    let made = make_key(&gateway, organization, key.id).await?;
    let now = gateway.clock.now();
    let mut tx = gateway.db.tenant(organization).await?;
    if let Some(replay) = once.claim(tx.idempotency(), now).await? {
        return Ok(replay);
    }
    let (endpoint, replaced) = key_of(&mut tx, id).await?;
    let hours = body.previous_valid_hours;
    let rotated = rotated(&gateway, &tenant, (key.id, made), replaced, (hours, now))?;
    tx.flow_keys().rotate(key.id, &rotated, now).await?;
    let action = "flow_endpoints.rotate_key";
    let detail = json!({ "waba_id": endpoint.waba, "previous_valid_hours": hours });
    let entry = audit::by_key(&tenant, action, "flow_endpoint", id, detail);
    tx.audit().append(&entry, now).await?;
    let (endpoint, _) = key_of(&mut tx, id).await?;
    let answer = FlowEndpointResponse::from(endpoint);
    once.remember(tx.idempotency(), StatusCode::OK, &answer, now)
        .await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(answer))
}

/// The endpoint and the key pair of its account, which nobody else rotates meanwhile.
async fn key_of(
    tx: &mut TenantTx,
    id: FlowEndpointId,
) -> Result<(FlowEndpoint, StoredFlowKey), Problem> {
    let endpoint = tx
        .flow_endpoints()
        .find(id)
        .await?
        .ok_or_else(|| Problem::not_found(Code::FlowEndpointNotFound))?;
    let key = tx
        .flow_keys()
        .get_for_update(&endpoint.waba)
        .await?
        .ok_or_else(|| Problem::internal("a flow endpoint whose account has no key pair"))?;
    Ok((endpoint, key))
}

fn rotated(
    gateway: &Gateway,
    tenant: &Tenant<needs::SettingsWrite>,
    (id, made): (FlowKeyId, MadeKey),
    replaced: StoredFlowKey,
    (hours, now): (u16, DateTime<Utc>),
) -> Result<RotatedFlowKey, Problem> {
    let previous = if hours == 0 {
        None
    } else {
        let sealed = secrets::seal_previous_flow_key(
            &gateway.vault,
            tenant.organization(),
            id,
            replaced.private_key_sealed,
        )?;
        Some((sealed, now + TimeDelta::hours(hours.into())))
    };
    Ok(RotatedFlowKey {
        public_key_pem: made.public_key_pem,
        private_key_sealed: made.private_key_sealed,
        previous,
    })
}
