//! Agents: name, mode and configuration. The model key stays sealed and is never part of an [`Agent`].

use chrono::{DateTime, Utc};
use sb_domain::agent::{AgentConfig, AgentMode};
use sb_ids::AgentId;
use serde_json::Value;
use uuid::Uuid;

use crate::{DbError, Page, PageRequest, TenantTx};

/// A configured agent.
#[derive(Debug, Clone, PartialEq)]
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

/// An agent to be stored.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// Its id; the key is sealed for it.
    pub id: AgentId,
    /// What people call it.
    pub name: String,
    /// Whether it answers.
    pub mode: AgentMode,
    /// How it answers.
    pub config: AgentConfig,
    /// The model provider's key, sealed for `agents.model_key_sealed` of this row.
    pub model_key_sealed: Option<Vec<u8>>,
}

/// What to change of an agent; `None` leaves a field alone.
#[derive(Debug, Clone, Default)]
pub struct AgentChange {
    /// A new name.
    pub name: Option<String>,
    /// A new mode.
    pub mode: Option<AgentMode>,
    /// A new configuration, as a whole.
    pub config: Option<AgentConfig>,
    /// A new sealed key, or none.
    pub model_key_sealed: Option<Option<Vec<u8>>>,
}

struct AgentRow {
    id: Uuid,
    name: String,
    mode: String,
    config: Value,
    has_model_key: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

fn mode(word: &str) -> Option<AgentMode> {
    [AgentMode::Active, AgentMode::Draft, AgentMode::Inactive]
        .into_iter()
        .find(|mode| mode.as_str() == word)
}

impl AgentRow {
    fn read(self) -> Result<Agent, DbError> {
        let unusable = |column| DbError::Inconsistent {
            table: "agents",
            column,
            id: self.id,
        };
        Ok(Agent {
            id: self.id.into(),
            mode: mode(&self.mode).ok_or_else(|| unusable("mode"))?,
            config: serde_json::from_value(self.config).map_err(|_| unusable("config"))?,
            name: self.name,
            has_model_key: self.has_model_key,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

macro_rules! agents {
    ($before:tt $after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            AgentRow,
            $before
                + r#" id, name, mode, config, model_key_sealed IS NOT NULL AS "has_model_key!",
                    created_at, updated_at "#
                + $after,
            $($argument),*
        )
    };
}

/// The agents of one organization.
#[derive(Debug)]
pub struct Agents<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's agents.
    pub const fn agents(&mut self) -> Agents<'_> {
        Agents(self)
    }
}

impl Agents<'_> {
    /// Stores a new agent.
    ///
    /// # Errors
    /// A query error.
    pub async fn insert(&mut self, new: &NewAgent, at: DateTime<Utc>) -> Result<Agent, DbError> {
        agents!(
            "
            INSERT INTO agents (
                organization_id, id, name, mode, config, model_key_sealed, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
            RETURNING"
            "",
            self.0.organization().as_uuid(),
            new.id.as_uuid(),
            new.name,
            new.mode.as_str(),
            serde_json::to_value(&new.config).unwrap_or(Value::Null),
            new.model_key_sealed.as_deref(),
            at,
        )
        .fetch_one(self.0.connection())
        .await
        .map_err(DbError::of("agents.insert"))?
        .read()
    }

    /// Finds one.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(&mut self, id: AgentId) -> Result<Option<Agent>, DbError> {
        agents!(
            "SELECT"
            "FROM agents WHERE organization_id = $1 AND id = $2",
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("agents.find"))?
        .map(AgentRow::read)
        .transpose()
    }

    /// Lists all, latest first.
    ///
    /// # Errors
    /// A query error.
    pub async fn list(
        &mut self,
        request: PageRequest<AgentId>,
    ) -> Result<Page<Agent, AgentId>, DbError> {
        let rows = agents!(
            "SELECT"
            "
            FROM agents
            WHERE organization_id = $1 AND ($2::uuid IS NULL OR id < $2)
            ORDER BY id DESC
            LIMIT $3",
            self.0.organization().as_uuid(),
            request.after.map(Uuid::from),
            request.probe(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("agents.list"))?;
        let items = rows
            .into_iter()
            .map(AgentRow::read)
            .collect::<Result<_, _>>()?;
        Ok(request.page(items, |agent: &Agent| agent.id))
    }

    /// Changes one.
    ///
    /// # Errors
    /// A query error.
    pub async fn update(
        &mut self,
        id: AgentId,
        change: &AgentChange,
        at: DateTime<Utc>,
    ) -> Result<Option<Agent>, DbError> {
        let config = change
            .config
            .as_ref()
            .map(|config| serde_json::to_value(config).unwrap_or(Value::Null));
        agents!(
            "
            UPDATE agents
            SET name = coalesce($3, name),
                mode = coalesce($4, mode),
                config = coalesce($5, config),
                model_key_sealed = CASE WHEN $6 THEN $7 ELSE model_key_sealed END,
                updated_at = $8
            WHERE organization_id = $1 AND id = $2
            RETURNING"
            "",
            self.0.organization().as_uuid(),
            id.as_uuid(),
            change.name.as_deref(),
            change.mode.map(AgentMode::as_str),
            config,
            change.model_key_sealed.is_some(),
            change.model_key_sealed.as_ref().and_then(Option::as_deref),
            at,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("agents.update"))?
        .map(AgentRow::read)
        .transpose()
    }

    /// Removes one; whatever named it names none any more. `false` when there was none.
    ///
    /// # Errors
    /// A query error.
    pub async fn delete(&mut self, id: AgentId) -> Result<bool, DbError> {
        sqlx::query!(
            "DELETE FROM agents WHERE organization_id = $1 AND id = $2",
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(DbError::of("agents.delete"))
    }
}
