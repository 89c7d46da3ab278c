use chrono::{DateTime, Utc};
use sb_ids::{AgentId, OrganizationId};
use serde::{Deserialize, Serialize};

use super::api_keys::CreatedApiKey;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// What people call it.
    pub name: String,
    /// `active` or `suspended`.
    pub status: String,
    /// Answers where neither the conversation nor the number names an agent.
    pub default_agent_id: Option<AgentId>,
    /// How many days files are kept, from when they came; `None` for ever.
    pub media_retention_days: Option<i32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A new organization with its first key.
#[derive(Debug, Clone, Deserialize)]
pub struct CreatedOrganization {
    /// The organization.
    pub organization: Organization,
    /// A key of the owner with every scope, shown only here.
    pub api_key: CreatedApiKey,
}

/// What to change; `None` leaves a field alone.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UpdateOrganization {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A new default agent, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_agent_id: Option<Option<AgentId>>,
    /// Another number of days for which files are kept, or for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_retention_days: Option<Option<i32>>,
}
