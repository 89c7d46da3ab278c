use chrono::{DateTime, Utc};
use sb_domain::agent::{AgentConfig, AgentMode};
use sb_ids::AgentId;
use serde::{Deserialize, Serialize};

/// An AI agent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// What people call it.
    pub name: String,
    /// Whether it answers.
    pub mode: AgentMode,
    /// How it answers.
    pub config: AgentConfig,
    /// It has a model key of its own.
    pub has_model_key: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An agent to be made.
#[derive(Clone, Default, Serialize)]
pub struct CreateAgent {
    /// What people call it.
    pub name: String,
    /// Whether it answers.
    pub mode: AgentMode,
    /// How it answers.
    pub config: AgentConfig,
    /// The model provider's key; the installation's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_key: Option<String>,
}

impl std::fmt::Debug for CreateAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateAgent")
            .field("name", &self.name)
            .field("mode", &self.mode)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// What to change; `None` leaves a field alone.
#[derive(Clone, Default, Serialize)]
pub struct UpdateAgent {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A new mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<AgentMode>,
    /// A new configuration, as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<AgentConfig>,
    /// A new key of the model provider, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_key: Option<Option<String>>,
}

impl std::fmt::Debug for UpdateAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpdateAgent")
            .field("name", &self.name)
            .field("mode", &self.mode)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
