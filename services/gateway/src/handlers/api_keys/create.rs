use std::collections::BTreeSet;

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use chrono::{DateTime, Utc};
use sb_domain::access::{Role, Scope};
use sb_http::{
    Authenticator, Code, FieldErrors, Needs, Problem, Problems, Tenant, ValidJson, Validate, needs,
};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{CreatedApiKeyResponse, new_key};
use crate::audit;
use crate::state::Gateway;

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateApiKey)]
pub(crate) struct CreateApiKeyRequest {
    /// What people call it, 1 to 200 characters.
    #[schema(example = "shop backend")]
    name: String,
    /// Its rank, at most your own: `agent`, `member`, `admin` or `owner`.
    #[schema(value_type = String, example = "member")]
    role: Role,
    /// What it may do, at most what you may.
    #[schema(value_type = Vec<String>, example = json!(["messages:read", "messages:write"]))]
    scopes: Vec<Scope>,
    /// When it stops working; never when absent.
    expires_at: Option<DateTime<Utc>>,
}

impl Validate for CreateApiKeyRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        errors.check_length("name", &self.name, 1..=200);
        if self.scopes.is_empty() {
            errors.add("scopes", "must name at least one scope");
        }
        for scope in &self.scopes {
            if self.role < scope.least_role() {
                let (scope, role) = (scope.as_str(), scope.least_role().as_str());
                errors.add("scopes", format!("{scope} needs at least the role {role}"));
            }
        }
    }
}

/// Make an API key
///
/// The whole key is in the answer and is never shown again.
#[utoipa::path(
    operation_id = "api_keys.create",
    tag = "api-keys",
    security(("api_key" = ["keys:write"])),
    request_body = CreateApiKeyRequest,
    responses((status = 201, description = "Made.", body = CreatedApiKeyResponse), Problems),
)]
#[post("/api-keys")]
pub(crate) async fn create(
    tenant: Tenant<needs::KeysWrite>,
    gateway: Data<Gateway>,
    authenticator: Data<Authenticator>,
    body: ValidJson<CreateApiKeyRequest>,
) -> Result<HttpResponse, Problem> {
    let now = gateway.clock.now();
    check_rights(&tenant, &body)?;
    if body.expires_at.is_some_and(|at| at <= now) {
        return Err(Problem::invalid(Vec::new()).field("expires_at", "must be in the future"));
    }
    let scopes: BTreeSet<Scope> = body.scopes.iter().copied().collect();
    let scopes: Vec<Scope> = scopes.into_iter().collect();
    let wanted = (body.name.as_str(), body.role, scopes, body.expires_at);
    let (secret, new) = new_key(authenticator.hasher(), wanted, now)?;
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let key = tx.api_keys().insert(&new, now).await?;
    let detail = json!({ "role": key.role.as_str() });
    let entry = audit::by_key(&tenant, "api_keys.create", "api_key", key.id, detail);
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    Ok(HttpResponse::Created().json(CreatedApiKeyResponse::of(key, &secret)))
}

/// Nobody gives more than they have.
fn check_rights<N: Needs>(tenant: &Tenant<N>, body: &CreateApiKeyRequest) -> Result<(), Problem> {
    let refused = |detail: String| Err(Problem::new(Code::ApiKeyExceedsOwnRights).detail(detail));
    if body.role > tenant.role() {
        return refused(format!("your key has the role {}", tenant.role().as_str()));
    }
    match body.scopes.iter().find(|scope| !tenant.may(**scope)) {
        Some(scope) => refused(format!("your key lacks the scope {}", scope.as_str())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_cannot_hold_a_scope_is_refused() {
        let body: CreateApiKeyRequest = serde_json::from_value(json!({
            "name": "n", "role": "agent", "scopes": ["messages:read", "settings:write"],
        }))
        .unwrap();
        let mut errors = FieldErrors::default();
        body.validate(&mut errors);
        let errors = errors.finish().unwrap_err();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].detail.contains("admin"));
    }
}
