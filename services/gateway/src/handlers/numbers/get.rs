use actix_web::get;
use actix_web::web::{Data, Json, Path};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use uuid::Uuid;

use super::NumberResponse;
use crate::state::Gateway;

/// Get a number
#[utoipa::path(
    operation_id = "numbers.get",
    tag = "numbers",
    security(("api_key" = ["settings:read"])),
    params(("id" = Uuid, Path, description = "The number.")),
    responses((status = 200, description = "The number.", body = NumberResponse), Problems),
)]
#[get("/numbers/{id}")]
pub(crate) async fn get(
    tenant: Tenant<needs::SettingsRead>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<Json<NumberResponse>, Problem> {
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let number = tx.numbers().find(id.into_inner().into()).await?;
    tx.commit().await?;
    let number = number.ok_or_else(|| Problem::not_found(Code::NumberNotFound))?;
    Ok(Json(number.into()))
}
