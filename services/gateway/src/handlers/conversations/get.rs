use actix_web::get;
use actix_web::web::{Data, Json, Path};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use uuid::Uuid;

use super::ConversationResponse;
use crate::state::Gateway;

/// Get a conversation
#[utoipa::path(
    operation_id = "conversations.get",
    tag = "conversations",
    security(("api_key" = ["messages:read"])),
    params(("id" = Uuid, Path, description = "The conversation.")),
    responses((status = 200, description = "The conversation.", body = ConversationResponse), Problems),
)]
#[get("/conversations/{id}")]
pub(crate) async fn get(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<Json<ConversationResponse>, Problem> {
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let found = tx.conversations().find(id.into_inner().into()).await?;
    tx.commit().await?;
    let found = found.ok_or_else(|| Problem::not_found(Code::ConversationNotFound))?;
    Ok(Json(ConversationResponse::of(&found, gateway.clock.now())))
}
