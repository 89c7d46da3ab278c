//! Counts for the operator: benchmarks, tests and `doctor`.

use std::collections::BTreeMap;

use sb_ids::OrganizationId;

use crate::{DbError, SystemTx};

/// Questions about everything.
#[derive(Debug)]
pub struct Operations<'t>(&'t mut SystemTx);

impl SystemTx {
    /// Questions about all tenants.
    pub const fn operations(&mut self) -> Operations<'_> {
        Operations(self)
    }
}

impl Operations<'_> {
    /// Messages of a tenant by direction and state.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn messages_by_state(
        &mut self,
        organization: OrganizationId,
    ) -> Result<BTreeMap<(String, String), i64>, DbError> {
        let rows = sqlx::query!(
            r#"
            SELECT direction, state, count(*) AS "count!"
            FROM messages WHERE organization_id = $1
            GROUP BY direction, state
            "#,
            organization.as_uuid(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.count"))?;
        Ok(rows
            .into_iter()
            .map(|r| ((r.direction, r.state), r.count))
            .collect())
    }

    /// Open quarantine rows by reason.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn quarantine_by_reason(&mut self) -> Result<BTreeMap<String, i64>, DbError> {
        let rows = sqlx::query!(
            r#"
            SELECT reason, count(*) AS "count!" FROM quarantine
            WHERE resolved_at IS NULL GROUP BY reason
            "#,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("quarantine.count"))?;
        Ok(rows.into_iter().map(|r| (r.reason, r.count)).collect())
    }
}
