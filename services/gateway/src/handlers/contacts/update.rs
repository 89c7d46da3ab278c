use actix_web::patch;
use actix_web::web::{Data, Json, Path};
use sb_http::{Code, FieldErrors, Problem, Problems, Tenant, ValidJson, Validate, needs};
use sb_ids::ContactId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ContactResponse;
use crate::audit;
use crate::state::Gateway;

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateContact)]
pub(crate) struct UpdateContactRequest {
    /// What you call the person, 1 to 200 characters.
    #[schema(example = "Ana, corner shop")]
    name: String,
}

impl Validate for UpdateContactRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        errors.check_length("name", &self.name, 1..=200);
    }
}

/// Change a contact
#[utoipa::path(
    operation_id = "contacts.update",
    tag = "contacts",
    security(("api_key" = ["contacts:write"])),
    params(("id" = Uuid, Path, description = "The contact.")),
    request_body = UpdateContactRequest,
    responses((status = 200, description = "Changed.", body = ContactResponse), Problems),
)]
#[patch("/contacts/{id}")]
pub(crate) async fn update(
    tenant: Tenant<needs::ContactsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    body: ValidJson<UpdateContactRequest>,
) -> Result<Json<ContactResponse>, Problem> {
    let id = ContactId::from(id.into_inner());
    let now = gateway.clock.now();
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let contact = tx
        .contacts()
        .update_name(id, &body.name, now)
        .await?
        .ok_or_else(|| Problem::not_found(Code::ContactNotFound))?;
    let entry = audit::by_key(
        &tenant,
        "contacts.update",
        "contact",
        id,
        json!({ "name": true }),
    );
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    Ok(Json(contact.into()))
}
