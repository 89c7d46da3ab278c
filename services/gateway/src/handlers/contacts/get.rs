use actix_web::get;
use actix_web::web::{Data, Json, Path};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use uuid::Uuid;

use super::ContactResponse;
use crate::state::Gateway;

/// Get a contact
#[utoipa::path(
    operation_id = "contacts.get",
    tag = "contacts",
    security(("api_key" = ["messages:read"])),
    params(("id" = Uuid, Path, description = "The contact.")),
    responses((status = 200, description = "The contact.", body = ContactResponse), Problems),
)]
#[get("/contacts/{id}")]
pub(crate) async fn get(
    tenant: Tenant<needs::MessagesRead>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<Json<ContactResponse>, Problem> {
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let contact = tx.contacts().find(id.into_inner().into()).await?;
    tx.commit().await?;
    let contact = contact.ok_or_else(|| Problem::not_found(Code::ContactNotFound))?;
    Ok(Json(contact.into()))
}
