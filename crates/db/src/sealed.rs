//! Every sealed column, for the rotation of master keys.

use sb_ids::OrganizationId;
use uuid::Uuid;

use crate::{DbError, SystemTx};

/// A column that holds sealed secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    /// `numbers.access_token_sealed`
    NumberAccessToken,
    /// `agents.model_key_sealed`
    AgentModelKey,
    /// `flow_keys.private_key_sealed`
    FlowPrivateKey,
    /// `flow_keys.previous_private_key_sealed`
    FlowPreviousPrivateKey,
    /// `flow_endpoints.signing_secret_sealed`
    FlowSigningSecret,
}

impl SealedColumn {
    /// Every sealed column.
    pub const ALL: [Self; 5] = [
        Self::NumberAccessToken,
        Self::AgentModelKey,
        Self::FlowPrivateKey,
        Self::FlowPreviousPrivateKey,
        Self::FlowSigningSecret,
    ];

    /// The table.
    pub const fn table(self) -> &'static str {
        match self {
            Self::NumberAccessToken => "numbers",
            Self::AgentModelKey => "agents",
            Self::FlowPrivateKey | Self::FlowPreviousPrivateKey => "flow_keys",
            Self::FlowSigningSecret => "flow_endpoints",
        }
    }

    /// The column.
    pub const fn column(self) -> &'static str {
        match self {
            Self::NumberAccessToken => "access_token_sealed",
            Self::AgentModelKey => "model_key_sealed",
            Self::FlowPrivateKey => "private_key_sealed",
            Self::FlowPreviousPrivateKey => "previous_private_key_sealed",
            Self::FlowSigningSecret => "signing_secret_sealed",
        }
    }
}

/// A sealed secret and the row it is bound to.
#[derive(Debug, Clone)]
pub struct SealedRow {
    /// The tenant.
    pub organization: OrganizationId,
    /// The row.
    pub id: Uuid,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

/// Sealed columns of all tenants.
#[derive(Debug)]
pub struct SealedSecrets<'t>(&'t mut SystemTx);

impl SystemTx {
    /// Sealed columns of all tenants.
    pub const fn sealed(&mut self) -> SealedSecrets<'_> {
        SealedSecrets(self)
    }
}

impl SealedSecrets<'_> {
    /// Sealed rows after a place, in the order of (organization, id).
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn list(
        &mut self,
        column: SealedColumn,
        after: (Uuid, Uuid),
        limit: i64,
    ) -> Result<Vec<SealedRow>, DbError> {
        let connection = self.0.connection();
        match column {
            SealedColumn::NumberAccessToken => {
                number_access_token::list(connection, after, limit).await
            }
            SealedColumn::AgentModelKey => agent_model_key::list(connection, after, limit).await,
            SealedColumn::FlowPrivateKey => flow_private_key::list(connection, after, limit).await,
            SealedColumn::FlowPreviousPrivateKey => {
                flow_previous_private_key::list(connection, after, limit).await
            }
            SealedColumn::FlowSigningSecret => {
                flow_signing_secret::list(connection, after, limit).await
            }
        }
    }

    /// Puts new bytes where the old ones still are; `false` when somebody stored another secret meanwhile.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn replace(
        &mut self,
        column: SealedColumn,
        row: &SealedRow,
        sealed: &[u8],
    ) -> Result<bool, DbError> {
        let connection = self.0.connection();
        match column {
            SealedColumn::NumberAccessToken => {
                number_access_token::replace(connection, row, sealed).await
            }
            SealedColumn::AgentModelKey => agent_model_key::replace(connection, row, sealed).await,
            SealedColumn::FlowPrivateKey => {
                flow_private_key::replace(connection, row, sealed).await
            }
            SealedColumn::FlowPreviousPrivateKey => {
                flow_previous_private_key::replace(connection, row, sealed).await
            }
            SealedColumn::FlowSigningSecret => {
                flow_signing_secret::replace(connection, row, sealed).await
            }
        }
    }
}

struct Row {
    organization_id: Uuid,
    id: Uuid,
    sealed: Vec<u8>,
}

impl From<Row> for SealedRow {
    fn from(row: Row) -> Self {
        Self {
            organization: row.organization_id.into(),
            id: row.id,
            sealed: row.sealed,
        }
    }
}

/// The two statements of a column.
macro_rules! sealed_column {
    ($module:ident, $list:literal, $replace:literal) => {
        mod $module {
            use sqlx::PgConnection;
            use uuid::Uuid;

            use super::{Row, SealedRow};
            use crate::DbError;

            pub(super) async fn list(
                connection: &mut PgConnection,
                after: (Uuid, Uuid),
                limit: i64,
            ) -> Result<Vec<SealedRow>, DbError> {
                let rows = sqlx::query_as!(Row, $list, after.0, after.1, limit)
                    .fetch_all(connection)
                    .await
                    .map_err(DbError::of("sealed.list"))?;
                Ok(rows.into_iter().map(SealedRow::from).collect())
            }

            pub(super) async fn replace(
                connection: &mut PgConnection,
                row: &SealedRow,
                sealed: &[u8],
            ) -> Result<bool, DbError> {
                let organization = row.organization.as_uuid();
                sqlx::query!($replace, organization, row.id, row.sealed, sealed)
                    .execute(connection)
                    .await
                    .map(|done| done.rows_affected() == 1)
                    .map_err(DbError::of("sealed.replace"))
            }
        }
    };
}

sealed_column!(
    number_access_token,
    r#"
                SELECT organization_id, id, access_token_sealed AS "sealed!" FROM numbers
                WHERE access_token_sealed IS NOT NULL AND (organization_id, id) > ($1, $2)
                ORDER BY organization_id, id LIMIT $3
                "#,
    r#"
                UPDATE numbers SET access_token_sealed = $4
                WHERE organization_id = $1 AND id = $2 AND access_token_sealed = $3
                "#
);

sealed_column!(
    agent_model_key,
    r#"
                SELECT organization_id, id, model_key_sealed AS "sealed!" FROM agents
                WHERE model_key_sealed IS NOT NULL AND (organization_id, id) > ($1, $2)
                ORDER BY organization_id, id LIMIT $3
                "#,
    r#"
                UPDATE agents SET model_key_sealed = $4
                WHERE organization_id = $1 AND id = $2 AND model_key_sealed = $3
                "#
);

sealed_column!(
    flow_private_key,
    r#"
                SELECT organization_id, id, private_key_sealed AS "sealed!" FROM flow_keys
                WHERE private_key_sealed IS NOT NULL AND (organization_id, id) > ($1, $2)
                ORDER BY organization_id, id LIMIT $3
                "#,
    r#"
                UPDATE flow_keys SET private_key_sealed = $4
                WHERE organization_id = $1 AND id = $2 AND private_key_sealed = $3
                "#
);

sealed_column!(
    flow_previous_private_key,
    r#"
                SELECT organization_id, id, previous_private_key_sealed AS "sealed!" FROM flow_keys
                WHERE previous_private_key_sealed IS NOT NULL AND (organization_id, id) > ($1, $2)
                ORDER BY organization_id, id LIMIT $3
                "#,
    r#"
                UPDATE flow_keys SET previous_private_key_sealed = $4
                WHERE organization_id = $1 AND id = $2 AND previous_private_key_sealed = $3
                "#
);

sealed_column!(
    flow_signing_secret,
    r#"
                SELECT organization_id, id, signing_secret_sealed AS "sealed!" FROM flow_endpoints
                WHERE signing_secret_sealed IS NOT NULL AND (organization_id, id) > ($1, $2)
                ORDER BY organization_id, id LIMIT $3
                "#,
    r#"
                UPDATE flow_endpoints SET signing_secret_sealed = $4
                WHERE organization_id = $1 AND id = $2 AND signing_secret_sealed = $3
                "#
);
