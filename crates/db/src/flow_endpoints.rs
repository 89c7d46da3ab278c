//! Flow endpoints: the addresses that WhatsApp Flows call for their screens, and who makes the screens. The signing
//! secret and the private keys stay sealed and are never part of a [`FlowEndpoint`].

use chrono::{DateTime, Utc};
use sb_domain::agent::{AgentConfig, AgentMode};
use sb_ids::{AgentId, FlowEndpointId, FlowKeyId, MetaAppId, OrganizationId, WabaId};
use serde_json::Value;
use uuid::Uuid;

use crate::{DbError, Page, PageRequest, SystemTx, TenantTx};

/// Who makes the screens of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowHandler {
    /// A server of the tenant's.
    Http {
        /// Where it is called.
        url: String,
    },
    /// An agent of the tenant's; none after the agent was removed.
    Agent {
        /// Which one.
        agent: Option<AgentId>,
    },
}

impl FlowHandler {
    /// The columns `handler_kind`, `handler_url` and `agent_id`.
    fn columns(&self) -> (&'static str, Option<&str>, Option<Uuid>) {
        match self {
            Self::Http { url } => ("http", Some(url.as_str()), None),
            Self::Agent { agent } => ("agent", None, agent.map(Uuid::from)),
        }
    }

    fn read(kind: &str, url: Option<String>, agent: Option<Uuid>) -> Option<Self> {
        match kind {
            "http" => Some(Self::Http { url: url? }),
            "agent" => Some(Self::Agent {
                agent: agent.map(Into::into),
            }),
            _ => None,
        }
    }
}

/// An address that flows call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowEndpoint {
    /// Its id, part of the address.
    pub id: FlowEndpointId,
    /// What people call it.
    pub name: String,
    /// The account whose flows call it.
    pub waba: WabaId,
    /// The app whose secret signs the calls.
    pub app: MetaAppId,
    /// Who makes the screens.
    pub handler: FlowHandler,
    /// The account's public key, PEM.
    pub public_key_pem: String,
    /// When the account's key pair was made.
    pub key_rotated_at: DateTime<Utc>,
    /// Until when the key before that one still opens requests.
    pub previous_key_valid_until: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An endpoint to be stored. Its account must have a key pair.
#[derive(Debug, Clone)]
pub struct NewFlowEndpoint {
    /// Its id; the secret is sealed for it.
    pub id: FlowEndpointId,
    /// What people call it.
    pub name: String,
    /// The account whose flows call it.
    pub waba: WabaId,
    /// The app whose secret signs the calls.
    pub app: MetaAppId,
    /// Who makes the screens.
    pub handler: FlowHandler,
    /// The key of our signatures, sealed for `flow_endpoints.signing_secret_sealed` of this row.
    pub signing_secret_sealed: Vec<u8>,
}

/// What to change of an endpoint; `None` leaves a field alone.
#[derive(Debug, Clone, Default)]
pub struct FlowEndpointChange {
    /// A new name.
    pub name: Option<String>,
    /// Another maker of the screens.
    pub handler: Option<FlowHandler>,
    /// A new sealed signing secret.
    pub signing_secret_sealed: Option<Vec<u8>>,
}

struct FlowEndpointRow {
    id: Uuid,
    name: String,
    waba_id: String,
    app_id: String,
    handler_kind: String,
    handler_url: Option<String>,
    agent_id: Option<Uuid>,
    public_key_pem: String,
    rotated_at: DateTime<Utc>,
    previous_valid_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl FlowEndpointRow {
    fn read(self) -> Result<FlowEndpoint, DbError> {
        let unusable = unusable(self.id);
        Ok(FlowEndpoint {
            id: self.id.into(),
            name: self.name,
            waba: WabaId::parse(self.waba_id).map_err(|_| unusable("waba_id"))?,
            app: MetaAppId::parse(self.app_id).map_err(|_| unusable("app_id"))?,
            handler: FlowHandler::read(&self.handler_kind, self.handler_url, self.agent_id)
                .ok_or_else(|| unusable("handler_kind"))?,
            public_key_pem: self.public_key_pem,
            key_rotated_at: self.rotated_at,
            previous_key_valid_until: self.previous_valid_until,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

fn unusable(id: Uuid) -> impl Fn(&'static str) -> DbError {
    move |column| DbError::Inconsistent {
        table: "flow_endpoints",
        column,
        id,
    }
}

/// Reads endpoints `e` with their keys `k`. Behind a `WITH`, PostgreSQL does not say which columns are never null.
macro_rules! flow_endpoints {
    ($before:tt $after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            FlowEndpointRow,
            $before
                + r#"
                SELECT e.id AS "id!", e.name AS "name!", e.waba_id AS "waba_id!", e.app_id AS "app_id!",
                    e.handler_kind AS "handler_kind!", e.handler_url AS "handler_url?", e.agent_id AS "agent_id?",
                    k.public_key_pem, k.rotated_at, k.previous_valid_until,
                    e.created_at AS "created_at!", e.updated_at AS "updated_at!"
                FROM e JOIN flow_keys k ON k.organization_id = e.organization_id AND k.waba_id = e.waba_id "#
                + $after,
            $($argument),*
        )
    };
}

/// The flow endpoints of one organization.
#[derive(Debug)]
pub struct FlowEndpoints<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's flow endpoints.
    pub const fn flow_endpoints(&mut self) -> FlowEndpoints<'_> {
        FlowEndpoints(self)
    }
}

impl FlowEndpoints<'_> {
    /// Stores a new endpoint.
    ///
    /// # Errors
    /// [`DbError::Dangling`] when the account has no key pair or the agent is not this organization's, or a query
    /// error.
    pub async fn insert(
        &mut self,
        new: &NewFlowEndpoint,
        at: DateTime<Utc>,
    ) -> Result<FlowEndpoint, DbError> {
        let (kind, url, agent) = new.handler.columns();
        flow_endpoints!(
            "
            WITH e AS (
                INSERT INTO flow_endpoints (
                    organization_id, id, name, waba_id, app_id, handler_kind, handler_url, agent_id,
                    signing_secret_sealed, created_at, updated_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
                RETURNING organization_id, id, name, waba_id, app_id, handler_kind, handler_url, agent_id,
                    created_at, updated_at
            )"
            "",
            self.0.organization().as_uuid(),
            new.id.as_uuid(),
            new.name,
            new.waba.as_str(),
            new.app.as_str(),
            kind,
            url,
            agent,
            new.signing_secret_sealed,
            at,
        )
        .fetch_one(self.0.connection())
        .await
        .map_err(DbError::of("flow_endpoints.insert"))?
        .read()
    }

    /// Finds one.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(&mut self, id: FlowEndpointId) -> Result<Option<FlowEndpoint>, DbError> {
        flow_endpoints!(
            "
            WITH e AS (
                SELECT organization_id, id, name, waba_id, app_id, handler_kind, handler_url, agent_id,
                    created_at, updated_at
                FROM flow_endpoints
                WHERE organization_id = $1 AND id = $2
            )"
            "",
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("flow_endpoints.find"))?
        .map(FlowEndpointRow::read)
        .transpose()
    }

    /// Lists all, latest first.
    ///
    /// # Errors
    /// A query error.
    pub async fn list(
        &mut self,
        request: PageRequest<FlowEndpointId>,
    ) -> Result<Page<FlowEndpoint, FlowEndpointId>, DbError> {
        let rows = flow_endpoints!(
            "
            WITH e AS (
                SELECT organization_id, id, name, waba_id, app_id, handler_kind, handler_url, agent_id,
                    created_at, updated_at
                FROM flow_endpoints
                WHERE organization_id = $1 AND ($2::uuid IS NULL OR id < $2)
                ORDER BY id DESC
                LIMIT $3
            )"
            "ORDER BY e.id DESC",
            self.0.organization().as_uuid(),
            request.after.map(Uuid::from),
            request.probe(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("flow_endpoints.list"))?;
        let items = rows
            .into_iter()
            .map(FlowEndpointRow::read)
            .collect::<Result<_, _>>()?;
        Ok(request.page(items, |endpoint: &FlowEndpoint| endpoint.id))
    }

    /// Changes one.
    ///
    /// # Errors
    /// [`DbError::Dangling`] when the agent is not this organization's, or a query error.
    pub async fn update(
        &mut self,
        id: FlowEndpointId,
        change: &FlowEndpointChange,
        at: DateTime<Utc>,
    ) -> Result<Option<FlowEndpoint>, DbError> {
        let (kind, url, agent) = match &change.handler {
            Some(handler) => {
                let (kind, url, agent) = handler.columns();
                (Some(kind), url, agent)
            }
            None => (None, None, None),
        };
        flow_endpoints!(
            "
            WITH e AS (
                UPDATE flow_endpoints
                SET name = coalesce($3, name),
                    handler_kind = coalesce($4, handler_kind),
                    handler_url = CASE WHEN $4 IS NULL THEN handler_url ELSE $5 END,
                    agent_id = CASE WHEN $4 IS NULL THEN agent_id ELSE $6 END,
                    signing_secret_sealed = coalesce($7, signing_secret_sealed),
                    updated_at = $8
                WHERE organization_id = $1 AND id = $2
                RETURNING organization_id, id, name, waba_id, app_id, handler_kind, handler_url, agent_id,
                    created_at, updated_at
            )"
            "",
            self.0.organization().as_uuid(),
            id.as_uuid(),
            change.name.as_deref(),
            kind,
            url,
            agent,
            change.signing_secret_sealed.as_deref(),
            at,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("flow_endpoints.update"))?
        .map(FlowEndpointRow::read)
        .transpose()
    }

    /// Removes one; `false` when there was none. The account keeps its key pair, which Meta still has.
    ///
    /// # Errors
    /// A query error.
    pub async fn delete(&mut self, id: FlowEndpointId) -> Result<bool, DbError> {
        sqlx::query!(
            "DELETE FROM flow_endpoints WHERE organization_id = $1 AND id = $2",
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(DbError::of("flow_endpoints.delete"))
    }
}

/// The agent that makes the screens.
#[derive(Clone, PartialEq)]
pub struct ServingAgent {
    /// The agent.
    pub id: AgentId,
    /// How it answers; `None` when the stored configuration cannot be read.
    pub config: Option<AgentConfig>,
    /// The model provider's key, sealed for `agents.model_key_sealed` of this agent.
    pub model_key_sealed: Option<Vec<u8>>,
}

/// Keys and instructions are not printed.
impl std::fmt::Debug for ServingAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServingAgent")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// An endpoint with everything that a call of it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct ServingFlowEndpoint {
    /// The tenant.
    pub organization: OrganizationId,
    /// The endpoint.
    pub id: FlowEndpointId,
    /// The app whose secret signs the calls.
    pub app: MetaAppId,
    /// Who makes the screens.
    pub handler: FlowHandler,
    /// The agent, when one does, unless it is inactive.
    pub agent: Option<ServingAgent>,
    /// The key of our signatures, sealed for `flow_endpoints.signing_secret_sealed` of this endpoint.
    pub signing_secret_sealed: Vec<u8>,
    /// The key pair's row.
    pub key: FlowKeyId,
    /// The private key, sealed for `flow_keys.private_key_sealed` of that row.
    pub private_key_sealed: Vec<u8>,
    /// The key before, while it still counts, sealed for `flow_keys.previous_private_key_sealed` of that row.
    pub previous_private_key_sealed: Option<Vec<u8>>,
}

/// Flow endpoints of all tenants.
#[derive(Debug)]
pub struct SystemFlowEndpoints<'t>(&'t mut SystemTx);

impl SystemTx {
    /// Flow endpoints of all tenants; [`crate::SystemReason::FlowExchange`].
    pub const fn flow_endpoints(&mut self) -> SystemFlowEndpoints<'_> {
        SystemFlowEndpoints(self)
    }
}

impl SystemFlowEndpoints<'_> {
    /// Finds an endpoint by its address, as it is at `now`. That of a suspended organization is none.
    ///
    /// # Errors
    /// A query error, or [`DbError::Inconsistent`].
    pub async fn find_serving(
        &mut self,
        id: FlowEndpointId,
        now: DateTime<Utc>,
    ) -> Result<Option<ServingFlowEndpoint>, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT e.organization_id, e.app_id, e.handler_kind, e.handler_url, e.agent_id, e.signing_secret_sealed,
                k.id AS key_id, k.private_key_sealed,
                CASE WHEN k.previous_valid_until > $2 THEN k.previous_private_key_sealed END
                    AS "previous_private_key_sealed?",
                a.id AS "serving_agent_id?", a.config AS "config?", a.model_key_sealed AS "model_key_sealed?"
            FROM flow_endpoints e
            JOIN organizations o ON o.id = e.organization_id AND o.status = 'active'
            JOIN flow_keys k ON k.organization_id = e.organization_id AND k.waba_id = e.waba_id
            LEFT JOIN agents a ON a.organization_id = e.organization_id AND a.id = e.agent_id AND a.mode <> $3
            WHERE e.id = $1
            "#,
            id.as_uuid(),
            now,
            AgentMode::Inactive.as_str(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("flow_endpoints.find_serving"))?;
        let Some(row) = row else { return Ok(None) };
        let unusable = unusable(id.as_uuid());
        Ok(Some(ServingFlowEndpoint {
            organization: row.organization_id.into(),
            id,
            app: MetaAppId::parse(row.app_id).map_err(|_| unusable("app_id"))?,
            handler: FlowHandler::read(&row.handler_kind, row.handler_url, row.agent_id)
                .ok_or_else(|| unusable("handler_kind"))?,
            agent: row.serving_agent_id.map(|agent| ServingAgent {
                id: agent.into(),
                config: row.config.and_then(read_config),
                model_key_sealed: row.model_key_sealed,
            }),
            signing_secret_sealed: row.signing_secret_sealed,
            key: row.key_id.into(),
            private_key_sealed: row.private_key_sealed,
            previous_private_key_sealed: row.previous_private_key_sealed,
        }))
    }
}

fn read_config(config: Value) -> Option<AgentConfig> {
    serde_json::from_value(config).ok()
}
