use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use sb_http::{Code, PageQuery, Problem, Problems, Tenant, needs};
use sb_ids::ConversationId;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::MessageResponse;
use crate::list::ListResponse;
use crate::state::Gateway;

/// In which order messages are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessageOrder {
    /// `desc` from the latest back, `asc` from the first on; `desc` when absent.
    #[serde(default)]
    #[param(inline)]
    order: Order,
}

/// An end of a conversation.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    Asc,
    #[default]
    Desc,
}

impl From<Order> for sb_db::Order {
    fn from(order: Order) -> Self {
        match order {
            Order::Asc => Self::OldestFirst,
            Order::Desc => Self::NewestFirst,
        }
    }
}

/// List the messages of a conversation
///
/// By `sequence`: incoming, outgoing and internal ones.
#[utoipa::path(
    operation_id = "messages.list",
    tag = "messages",
    security(("api_key" = ["messages:read"])),
    params(("id" = Uuid, Path, description = "The conversation."), MessageOrder, PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<MessageResponse>), Problems),
)]
#[get("/conversations/{id}/messages")]
pub(crate) async fn list(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    order: Query<MessageOrder>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<MessageResponse>>, Problem> {
    let id = ConversationId::from(id.into_inner());
    let request = page.request()?;
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    if tx.conversations().find(id).await?.is_none() {
        return Err(Problem::not_found(Code::ConversationNotFound));
    }
    let page = tx.messages().list(id, order.order.into(), request).await?;
    tx.commit().await?;
    Ok(Json(ListResponse::of(page, MessageResponse::from)))
}
