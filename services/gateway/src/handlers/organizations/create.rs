use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use sb_db::SystemReason;
use sb_domain::access::{Role, Scope};
use sb_http::{Authenticator, FieldErrors, Operator, Problem, Problems, ValidJson, Validate};
use sb_ids::OrganizationId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{NAME_MAX, OrganizationResponse};
use crate::audit;
use crate::handlers::api_keys::{CreatedApiKeyResponse, new_key};
use crate::state::Gateway;

/// An organization to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateOrganization)]
pub(crate) struct CreateOrganizationRequest {
    /// What people call it, 1 to 200 characters.
    #[schema(example = "Flowers of Lima")]
    name: String,
}

impl Validate for CreateOrganizationRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        errors.check_length("name", &self.name, 1..=NAME_MAX);
    }
}

/// A new organization with its first key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedOrganization)]
pub(crate) struct CreatedOrganizationResponse {
    organization: OrganizationResponse,
    /// A key of the owner with every scope. It is never shown again.
    api_key: CreatedApiKeyResponse,
}

/// Make an organization
///
/// Also makes its first API key, with the role `owner` and every scope.
#[utoipa::path(
    operation_id = "organizations.create",
    tag = "operator",
    security(("operator" = [])),
    request_body = CreateOrganizationRequest,
    responses((status = 201, description = "Made.", body = CreatedOrganizationResponse), Problems),
)]
#[post("/organizations")]
pub(crate) async fn create(
    _operator: Operator,
    gateway: Data<Gateway>,
    authenticator: Data<Authenticator>,
    body: ValidJson<CreateOrganizationRequest>,
) -> Result<HttpResponse, Problem> {
    let now = gateway.clock.now();
    let id = OrganizationId::new(now);
    let (secret, key) = new_key(
        authenticator.hasher(),
        ("first key", Role::Owner, Scope::ALL.to_vec(), None),
        now,
    )?;
    let mut tx = gateway.db.system(SystemReason::Provisioning).await?;
    let organization = tx.organizations().insert(id, &body.name, now).await?;
    let key = tx.api_keys().insert(id, &key, now).await?;
    let entry = audit::by_operator("organizations.create", "organization", id, json!({}));
    tx.audit(id).append(&entry, now).await?;
    tx.commit().await?;
    Ok(HttpResponse::Created().json(CreatedOrganizationResponse {
        organization: organization.into(),
        api_key: CreatedApiKeyResponse::of(key, &secret),
    }))
}
