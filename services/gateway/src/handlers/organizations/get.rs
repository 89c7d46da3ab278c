use actix_web::get;
use actix_web::web::{Data, Json};
use sb_http::{Problem, Problems, Tenant, needs};

use super::OrganizationResponse;
use crate::state::Gateway;

/// Get your organization
#[utoipa::path(
    operation_id = "organization.get",
    tag = "organization",
    security(("api_key" = ["settings:read"])),
    responses((status = 200, description = "The organization of the key.", body = OrganizationResponse), Problems),
)]
#[get("/organization")]
pub(crate) async fn get(
    tenant: Tenant<needs::SettingsRead>,
    gateway: Data<Gateway>,
) -> Result<Json<OrganizationResponse>, Problem> {
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let organization = tx.organizations().get().await?;
    tx.commit().await?;
    Ok(Json(organization.into()))
}
