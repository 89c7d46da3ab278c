use actix_web::get;
use actix_web::web::{Data, Json, Query};
use sb_http::{PageQuery, Problem, Problems, Tenant, needs};

use super::NumberResponse;
use crate::list::ListResponse;
use crate::state::Gateway;

/// List numbers
///
/// The latest come first.
#[utoipa::path(
    operation_id = "numbers.list",
    tag = "numbers",
    security(("api_key" = ["settings:read"])),
    params(PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<NumberResponse>), Problems),
)]
#[get("/numbers")]
pub(crate) async fn list(
    tenant: Tenant<needs::SettingsRead>,
    gateway: Data<Gateway>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<NumberResponse>>, Problem> {
    let request = page.request()?;
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let page = tx.numbers().list(request).await?;
    tx.commit().await?;
    Ok(Json(ListResponse::of(page, NumberResponse::from)))
}
