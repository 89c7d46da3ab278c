use actix_web::get;
use actix_web::web::{Data, Json, Query};
use sb_db::ConversationFilter;
use sb_http::{PageQuery, Problem, Problems, Tenant, needs};
use serde::Deserialize;
use uuid::Uuid;

use super::ConversationResponse;
use crate::list::ListResponse;
use crate::state::Gateway;

/// Which conversations are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Only those of this number.
    number_id: Option<Uuid>,
    /// Only those with this contact, and with contacts merged into it.
    contact_id: Option<Uuid>,
    /// Only those that are put away (`true`), or that are not (`false`).
    archived: Option<bool>,
}

/// List conversations
///
/// The most active come first; those that others go on for are left out unless you name a contact. The order is kept to the minute, so that a busy conversation does not jump between
/// pages.
#[utoipa::path(
    operation_id = "conversations.list",
    tag = "conversations",
    security(("api_key" = ["messages:read"])),
    params(Filter, PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<ConversationResponse>), Problems),
)]
#[get("/conversations")]
pub(crate) async fn list(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    filter: Query<Filter>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<ConversationResponse>>, Problem> {
    let request = page.request()?;
    let filter = ConversationFilter {
        number: filter.number_id.map(Into::into),
        contact: filter.contact_id.map(Into::into),
        archived: filter.archived,
    };
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let page = tx.conversations().list(filter, request).await?;
    tx.commit().await?;
    let now = gateway.clock.now();
    Ok(Json(ListResponse::of(page, |conversation| {
        ConversationResponse::of(&conversation, now)
    })))
}
