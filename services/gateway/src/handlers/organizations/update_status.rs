use actix_web::patch;
use actix_web::web::{Data, Json, Path};
use sb_db::{OrganizationStatus, SystemReason};
use sb_http::{Authenticator, Code, FieldErrors, Operator, Problem, Problems, ValidJson, Validate};
use sb_ids::OrganizationId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::OrganizationResponse;
use crate::audit;
use crate::state::Gateway;

/// Whether an organization may use the product.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It may.
    Active,
    /// Its keys are refused; what its contacts write is still stored.
    Suspended,
}

/// What the operator may change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateOrganizationStatus)]
pub(crate) struct UpdateStatusRequest {
    status: Status,
}

impl Validate for UpdateStatusRequest {
    fn validate(&self, _: &mut FieldErrors) {}
}

/// Suspend or reactivate an organization
#[utoipa::path(
    operation_id = "organizations.update_status",
    tag = "operator",
    security(("operator" = [])),
    params(("id" = Uuid, Path, description = "The organization.")),
    request_body = UpdateStatusRequest,
    responses((status = 200, description = "Changed.", body = OrganizationResponse), Problems),
)]
#[patch("/organizations/{id}")]
pub(crate) async fn update_status(
    _operator: Operator,
    gateway: Data<Gateway>,
    authenticator: Data<Authenticator>,
    id: Path<Uuid>,
    body: ValidJson<UpdateStatusRequest>,
) -> Result<Json<OrganizationResponse>, Problem> {
    let id = OrganizationId::from(id.into_inner());
    let now = gateway.clock.now();
    let status = match body.status {
        Status::Active => OrganizationStatus::Active,
        Status::Suspended => OrganizationStatus::Suspended,
    };
    let mut tx = gateway.db.system(SystemReason::Provisioning).await?;
    let organization = tx
        .organizations()
        .update_status(id, status, now)
        .await?
        .ok_or_else(|| Problem::not_found(Code::OrganizationNotFound))?;
    let detail = json!({ "status": status.as_str() });
    let entry = audit::by_operator("organizations.update_status", "organization", id, detail);
    tx.audit(id).append(&entry, now).await?;
    tx.commit().await?;
    authenticator.forget_organization(id);
    Ok(Json(organization.into()))
}
