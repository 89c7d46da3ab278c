use actix_web::get;
use actix_web::web::{Data, Json, Path};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use uuid::Uuid;

use super::MessageResponse;
use crate::state::Gateway;

/// Get a message
#[utoipa::path(
    operation_id = "messages.get",
    tag = "messages",
    security(("api_key" = ["messages:read"])),
    params(("id" = Uuid, Path, description = "The message.")),
    responses((status = 200, description = "The message.", body = MessageResponse), Problems),
)]
#[get("/messages/{id}")]
pub(crate) async fn get(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<Json<MessageResponse>, Problem> {
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let message = tx.messages().find(id.into_inner().into()).await?;
    tx.commit().await?;
    let message = message.ok_or_else(|| Problem::not_found(Code::MessageNotFound))?;
    Ok(Json(message.into()))
}
