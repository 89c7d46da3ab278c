use actix_web::get;
use actix_web::web::{Data, Json, Query};
use sb_http::{PageQuery, Problem, Problems, Tenant, needs};

use super::ApiKeyResponse;
use crate::list::ListResponse;
use crate::state::Gateway;

/// List API keys
///
/// The latest come first; revoked and expired keys are listed too.
#[utoipa::path(
    operation_id = "api_keys.list",
    tag = "api-keys",
    security(("api_key" = ["keys:write"])),
    params(PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<ApiKeyResponse>), Problems),
)]
#[get("/api-keys")]
pub(crate) async fn list(
    tenant: Tenant<needs::KeysWrite>,
    gateway: Data<Gateway>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<ApiKeyResponse>>, Problem> {
    let request = page.request()?;
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let page = tx.api_keys().list(request).await?;
    tx.commit().await?;
    Ok(Json(ListResponse::of(page, ApiKeyResponse::from)))
}
