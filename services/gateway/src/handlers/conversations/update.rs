use actix_web::patch;
use actix_web::web::{Data, Json, Path};
use chrono::{DateTime, Utc};
use sb_db::ConversationChange;
use sb_http::{Code, FieldErrors, Patch, Problem, Problems, Tenant, ValidJson, Validate, needs};
use sb_ids::ConversationId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ConversationResponse;
use crate::audit;
use crate::handlers::agent_must_exist;
use crate::state::Gateway;

/// What to change; what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateConversation)]
pub(crate) struct UpdateConversationRequest {
    /// The agent that answers here; null takes the number's, then the organization's.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    agent_id: Patch<Uuid>,
    /// Agents keep silent until then; null lets them answer again. An answer that is being made is dropped.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    agent_paused_until: Patch<DateTime<Utc>>,
    /// Put it away, or take it out again.
    archived: Option<bool>,
}

impl Validate for UpdateConversationRequest {
    fn validate(&self, _: &mut FieldErrors) {}
}

/// Change a conversation
#[utoipa::path(
    operation_id = "conversations.update",
    tag = "conversations",
    security(("api_key" = ["contacts:write"])),
    params(("id" = Uuid, Path, description = "The conversation.")),
    request_body = UpdateConversationRequest,
    responses((status = 200, description = "Changed.", body = ConversationResponse), Problems),
)]
#[patch("/conversations/{id}")]
pub(crate) async fn update(
    tenant: Tenant<needs::ContactsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    body: ValidJson<UpdateConversationRequest>,
) -> Result<Json<ConversationResponse>, Problem> {
    let id = ConversationId::from(id.into_inner());
    let now = gateway.clock.now();
    let body = body.into_inner();
    let detail = json!({
        "agent_id": body.agent_id != Patch::Keep,
        "agent_paused_until": body.agent_paused_until != Patch::Keep,
        "archived": body.archived,
    });
    let change = ConversationChange {
        agent: body.agent_id.into_change().map(|id| id.map(Into::into)),
        agent_paused_until: body.agent_paused_until.into_change(),
        archived: body.archived,
    };
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let conversation = tx
        .conversations()
        .update(id, change, now)
        .await
        .map_err(agent_must_exist("agent_id"))?
        .ok_or_else(|| Problem::not_found(Code::ConversationNotFound))?;
    let entry = audit::by_key(&tenant, "conversations.update", "conversation", id, detail);
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    Ok(Json(ConversationResponse::of(&conversation, now)))
}
