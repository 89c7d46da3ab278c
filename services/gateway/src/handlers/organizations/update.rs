use std::ops::RangeInclusive;

use actix_web::patch;
use actix_web::web::{Data, Json};
use sb_db::OrganizationChange;
use sb_http::{FieldErrors, Patch, Problem, Problems, Tenant, ValidJson, Validate, needs};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{NAME_MAX, OrganizationResponse};
use crate::audit;
use crate::handlers::agent_must_exist;
use crate::state::Gateway;

/// For how many days files may be kept.
const RETENTION_DAYS: RangeInclusive<i32> = 1..=3_650;

/// What to change; what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateOrganization)]
pub(crate) struct UpdateOrganizationRequest {
    /// A new name, 1 to 200 characters.
    name: Option<String>,
    /// The agent that answers where no other is named; null for none.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    default_agent_id: Patch<Uuid>,
    /// How many days files are kept, 1 to 3650; null for ever.
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    media_retention_days: Patch<i32>,
}

impl Validate for UpdateOrganizationRequest {
    fn validate(&self, errors: &mut FieldErrors) {
        if let Some(name) = &self.name {
            errors.check_length("name", name, 1..=NAME_MAX);
        }
        if let Some(days) = self.media_retention_days.as_set()
            && !RETENTION_DAYS.contains(days)
        {
            errors.add("media_retention_days", "must be 1 to 3650");
        }
    }
}

/// Change your organization
#[utoipa::path(
    operation_id = "organization.update",
    tag = "organization",
    security(("api_key" = ["settings:write"])),
    request_body = UpdateOrganizationRequest,
    responses((status = 200, description = "Changed.", body = OrganizationResponse), Problems),
)]
#[patch("/organization")]
pub(crate) async fn update(
    tenant: Tenant<needs::SettingsWrite>,
    gateway: Data<Gateway>,
    body: ValidJson<UpdateOrganizationRequest>,
) -> Result<Json<OrganizationResponse>, Problem> {
    let now = gateway.clock.now();
    let body = body.into_inner();
    let detail = json!({
        "name": body.name.is_some(),
        "default_agent_id": body.default_agent_id != Patch::Keep,
        "media_retention_days": body.media_retention_days != Patch::Keep,
    });
    let change = OrganizationChange {
        name: body.name,
        default_agent: body
            .default_agent_id
            .into_change()
            .map(|id| id.map(Into::into)),
        media_retention_days: body.media_retention_days.into_change(),
    };
    let mut tx = gateway.db.tenant(tenant.organization()).await?;
    let organization = tx
        .organizations()
        .update(&change, now)
        .await
        .map_err(agent_must_exist("default_agent_id"))?;
    let entry = audit::by_key(
        &tenant,
        "organization.update",
        "organization",
        organization.id,
        detail,
    );
    tx.audit().append(&entry, now).await?;
    tx.commit().await?;
    Ok(Json(organization.into()))
}
