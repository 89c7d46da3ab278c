//! Organizations: the operator makes them, a tenant sees and changes its own.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;
pub(crate) mod update_status;

use chrono::{DateTime, Utc};
use sb_db::Organization;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Longest name in characters.
const NAME_MAX: usize = 200;

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Organization)]
pub(crate) struct OrganizationResponse {
    /// Its id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// `active` or `suspended`.
    #[schema(example = "active")]
    status: &'static str,
    /// Answers where neither the conversation nor the number names an agent.
    default_agent_id: Option<Uuid>,
    /// How many days files are kept, from when they came; null for ever.
    media_retention_days: Option<i32>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Organization> for OrganizationResponse {
    fn from(organization: Organization) -> Self {
        Self {
            id: organization.id.as_uuid(),
            name: organization.name,
            status: organization.status.as_str(),
            default_agent_id: organization.default_agent.map(Uuid::from),
            media_retention_days: organization.media_retention_days,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        }
    }
}
