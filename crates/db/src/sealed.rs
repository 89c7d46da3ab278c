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
}

impl SealedColumn {
    /// Every sealed column.
    pub const ALL: [Self; 2] = [Self::NumberAccessToken, Self::AgentModelKey];

    /// The table.
    pub const fn table(self) -> &'static str {
        match self {
            Self::NumberAccessToken => "numbers",
            Self::AgentModelKey => "agents",
        }
    }

    /// The column.
    pub const fn column(self) -> &'static str {
        match self {
            Self::NumberAccessToken => "access_token_sealed",
            Self::AgentModelKey => "model_key_sealed",
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
        macro_rules! page {
            ($sql:literal) => {
                sqlx::query_as!(Row, $sql, after.0, after.1, limit)
                    .fetch_all(self.0.connection())
                    .await
                    .map_err(DbError::of("sealed.list"))?
            };
        }
        let rows: Vec<Row> = match column {
            SealedColumn::NumberAccessToken => page!(
                r#"
                SELECT organization_id, id, access_token_sealed AS "sealed!" FROM numbers
                WHERE access_token_sealed IS NOT NULL AND (organization_id, id) > ($1, $2)
                ORDER BY organization_id, id LIMIT $3
                "#
            ),
            SealedColumn::AgentModelKey => page!(
                r#"
                SELECT organization_id, id, model_key_sealed AS "sealed!" FROM agents
                WHERE model_key_sealed IS NOT NULL AND (organization_id, id) > ($1, $2)
                ORDER BY organization_id, id LIMIT $3
                "#
            ),
        };
        Ok(rows
            .into_iter()
            .map(|r| SealedRow {
                organization: r.organization_id.into(),
                id: r.id,
                sealed: r.sealed,
            })
            .collect())
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
        let organization = row.organization.as_uuid();
        let done = match column {
            SealedColumn::NumberAccessToken => {
                sqlx::query!(
                    r#"
                    UPDATE numbers SET access_token_sealed = $4
                    WHERE organization_id = $1 AND id = $2 AND access_token_sealed = $3
                    "#,
                    organization,
                    row.id,
                    row.sealed,
                    sealed,
                )
                .execute(self.0.connection())
                .await
            }
            SealedColumn::AgentModelKey => {
                sqlx::query!(
                    r#"
                    UPDATE agents SET model_key_sealed = $4
                    WHERE organization_id = $1 AND id = $2 AND model_key_sealed = $3
                    "#,
                    organization,
                    row.id,
                    row.sealed,
                    sealed,
                )
                .execute(self.0.connection())
                .await
            }
        };
        done.map(|done| done.rows_affected() == 1)
            .map_err(DbError::of("sealed.replace"))
    }
}

struct Row {
    organization_id: Uuid,
    id: Uuid,
    sealed: Vec<u8>,
}
