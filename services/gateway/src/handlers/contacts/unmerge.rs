use actix_web::post;
use actix_web::web::{Data, Json, Path};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use sb_ids::ContactId;
use serde_json::json;
use uuid::Uuid;

use super::ContactResponse;
use crate::audit;
use crate::state::Gateway;

/// Take a contact out of the one it was merged into
///
/// Identities and conversations are those of before again; what was said and learned since stays with the other
/// contact. No rule merges the two again. Repeating it changes nothing.
#[utoipa::path(
    operation_id = "contacts.unmerge",
    tag = "contacts",
    security(("api_key" = ["contacts:write"])),
    params(("id" = Uuid, Path, description = "The contact that was merged into another.")),
    responses((status = 200, description = "It stands for itself.", body = ContactResponse), Problems),
)]
#[post("/contacts/{id}/unmerge")]
pub(crate) async fn unmerge(
    tenant: Tenant<needs::ContactsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
) -> Result<Json<ContactResponse>, Problem> {
    let id = ContactId::from(id.into_inner());
    let (actor, now) = (tenant.key().to_string(), gateway.clock.now());
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    if let Some(merge) = tx.contacts().unmerge(id, (&actor, now)).await? {
        let detail = json!({ "contact_id": merge.winner, "merge_id": merge.id });
        let entry = audit::by_key(&tenant, "contacts.unmerge", "contact", id, detail);
        tx.audit().append(&entry, now).await?;
    }
    let contact = tx.contacts().find(id).await?;
    tx.commit().await?;
    let contact = contact.ok_or_else(|| Problem::not_found(Code::ContactNotFound))?;
    Ok(Json(contact.into()))
}
