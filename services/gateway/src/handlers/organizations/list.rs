use actix_web::get;
use actix_web::web::{Data, Json, Query};
use sb_db::SystemReason;
use sb_http::{Operator, PageQuery, Problem, Problems};

use super::OrganizationResponse;
use crate::list::ListResponse;
use crate::state::Gateway;

/// List organizations
///
/// The latest come first.
#[utoipa::path(
    operation_id = "organizations.list",
    tag = "operator",
    security(("operator" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<OrganizationResponse>), Problems),
)]
#[get("/organizations")]
pub(crate) async fn list(
    _operator: Operator,
    gateway: Data<Gateway>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<OrganizationResponse>>, Problem> {
    let request = page.request()?;
    let mut tx = gateway.db.system(SystemReason::Provisioning).await?;
    let page = tx.organizations().list(request).await?;
    tx.commit().await?;
    Ok(Json(ListResponse::of(page, OrganizationResponse::from)))
}
