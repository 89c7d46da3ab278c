use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use sb_http::{Code, PageQuery, Problem, Problems, Tenant, needs};
use sb_ids::ContactId;
use uuid::Uuid;

use super::MergeResponse;
use crate::list::ListResponse;
use crate::state::Gateway;

/// List the merges of a contact
///
/// Those in which it stands for others and those in which another one stands for it, undone ones as well. The latest
/// come first.
#[utoipa::path(
    operation_id = "contacts.merges",
    tag = "contacts",
    security(("api_key" = ["messages:read"])),
    params(("id" = Uuid, Path, description = "The contact."), PageQuery),
    responses((status = 200, description = "A page.", body = ListResponse<MergeResponse>), Problems),
)]
#[get("/contacts/{id}/merges")]
pub(crate) async fn merges(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    page: Query<PageQuery>,
) -> Result<Json<ListResponse<MergeResponse>>, Problem> {
    let id = ContactId::from(id.into_inner());
    let request = page.request()?;
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let contact = tx.contacts().find(id).await?;
    let page = tx.contacts().merges(id, request).await?;
    tx.commit().await?;
    contact.ok_or_else(|| Problem::not_found(Code::ContactNotFound))?;
    Ok(Json(ListResponse::of(page, MergeResponse::from)))
}
