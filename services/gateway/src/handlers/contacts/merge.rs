use actix_web::post;
use actix_web::web::{Data, Json, Path};
use sb_db::MergeOutcome;
use sb_http::{Code, FieldErrors, Problem, Problems, Tenant, ValidJson, Validate, needs};
use sb_ids::ContactId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::MergeResponse;
use crate::audit;
use crate::state::Gateway;

/// Whom to merge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MergeContact)]
pub(crate) struct MergeContactRequest {
    /// The contact that becomes part of the one in the path.
    contact_id: Uuid,
}

impl Validate for MergeContactRequest {
    fn validate(&self, _errors: &mut FieldErrors) {}
}

/// Merge a contact into this one
///
/// For two contacts that are one person. Identities and conversations become this contact's: at each number one
/// conversation goes on, and the other one says so in `merged_into`. Nothing is lost, and
/// `POST /v1/contacts/{id}/unmerge` undoes it. Repeating it changes nothing.
#[utoipa::path(
    operation_id = "contacts.merge",
    tag = "contacts",
    security(("api_key" = ["contacts:write"])),
    params(("id" = Uuid, Path, description = "The contact that stands for both.")),
    request_body = MergeContactRequest,
    responses((status = 200, description = "They are one person.", body = MergeResponse), Problems),
)]
#[post("/contacts/{id}/merge")]
pub(crate) async fn merge(
    tenant: Tenant<needs::ContactsWrite>,
    gateway: Data<Gateway>,
    id: Path<Uuid>,
    body: ValidJson<MergeContactRequest>,
) -> Result<Json<MergeResponse>, Problem> {
    let winner = ContactId::from(id.into_inner());
    let loser = ContactId::from(body.contact_id);
    let (actor, now) = (tenant.key().to_string(), gateway.clock.now());
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let outcome = tx.contacts().merge(winner, loser, (&actor, now)).await?;
    let merge = match outcome {
        MergeOutcome::Known(merge) => merge,
        MergeOutcome::Missing => return Err(Problem::not_found(Code::ContactNotFound)),
        MergeOutcome::Refused(why) => {
            return Err(Problem::new(Code::ContactNotMergeable).detail(why));
        }
        MergeOutcome::Merged(merge) => {
            let detail = json!({ "merged_contact_id": loser, "merge_id": merge.id });
            let entry = audit::by_key(&tenant, "contacts.merge", "contact", winner, detail);
            tx.audit().append(&entry, now).await?;
            merge
        }
    };
    tx.commit().await?;
    Ok(Json(merge.into()))
}
