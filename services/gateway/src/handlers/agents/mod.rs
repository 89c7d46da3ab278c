//! AI agents and their configuration. The model key goes in and never comes out.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;

use chrono::{DateTime, Utc};
use sb_db::Agent;
use sb_domain::agent::AgentConfig;
use sb_http::FieldErrors;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::content_schema::{AgentConfigSchema, AgentModeSchema};

/// Longest name in characters.
const NAME_MAX: usize = 200;

/// An AI agent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Agent)]
pub(crate) struct AgentResponse {
    /// Its id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// Whether it answers.
    #[schema(value_type = AgentModeSchema)]
    mode: &'static str,
    /// How it answers.
    #[schema(value_type = AgentConfigSchema)]
    config: AgentConfig,
    /// It has a model key of its own. The key is never shown.
    has_model_key: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Agent> for AgentResponse {
    fn from(agent: Agent) -> Self {
        Self {
            id: agent.id.as_uuid(),
            name: agent.name,
            mode: agent.mode.as_str(),
            config: agent.config,
            has_model_key: agent.has_model_key,
            created_at: agent.created_at,
            updated_at: agent.updated_at,
        }
    }
}

fn check_config(config: &AgentConfig, errors: &mut FieldErrors) {
    if let Err(invalid) = config.validate() {
        errors.add(format!("config.{}", invalid.field), invalid.rule);
    }
}
