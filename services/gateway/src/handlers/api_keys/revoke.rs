use actix_web::delete;
use actix_web::web::{Data, Json, Path};
use sb_http::{Authenticator, Code, Problem, Problems, Tenant, needs};
use sb_ids::ApiKeyId;
use serde_json::json;
use uuid::Uuid;

use super::ApiKeyResponse;
use crate::audit;
use crate::state::Gateway;

/// Revoke an API key
///
/// For good. Other replicas may accept it for five more seconds. Revoking twice changes nothing.
#[utoipa::path(
    operation_id = "api_keys.revoke",
    tag = "api-keys",
    security(("api_key" = ["keys:write"])),
    params(("id" = Uuid, Path, description = "The key.")),
    responses((status = 200, description = "Revoked.", body = ApiKeyResponse), Problems),
)]
#[delete("/api-keys/{id}")]
pub(crate) async fn revoke(
    tenant: Tenant<needs::KeysWrite>,
    gateway: Data<Gateway>,
    authenticator: Data<Authenticator>,
    id: Path<Uuid>,
) -> Result<Json<ApiKeyResponse>, Problem> {
    let id = ApiKeyId::from(id.into_inner());
    let now = gateway.clock.now();
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let not_found = || Problem::not_found(Code::ApiKeyNotFound);
    let target = tx.api_keys().find(id).await?.ok_or_else(not_found)?;
    if target.role > tenant.role() {
        return Err(Problem::new(Code::ApiKeyExceedsOwnRights)
            .detail("the key has a higher role than yours"));
    }
    let key = tx.api_keys().revoke(id, now).await?.ok_or_else(not_found)?;
    let entry = audit::by_key(&tenant, "api_keys.revoke", "api_key", id, json!({}));
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    authenticator.forget(id);
    Ok(Json(key.into()))
}
