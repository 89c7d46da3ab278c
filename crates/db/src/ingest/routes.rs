//! Which tenant an update belongs to.

use sb_ids::{NumberId, OrganizationId};

use super::Ingest;
use crate::DbError;

/// A number of Meta's and the tenant it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// The tenant.
    pub organization: OrganizationId,
    /// Our row of the number.
    pub number: NumberId,
    /// Meta's id of the account.
    pub waba_id: String,
    /// The one app that may speak for it.
    pub app_id: String,
}

impl Ingest<'_> {
    /// The routes of the numbers that are known.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn routes(&mut self, phone_number_ids: &[String]) -> Result<Vec<Route>, DbError> {
        let rows = sqlx::query!(
            r#"
            SELECT phone_number_id, organization_id, number_id, waba_id, app_id
            FROM number_routes
            WHERE phone_number_id = ANY($1)
            "#,
            phone_number_ids,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("number_routes.find"))?;
        Ok(rows
            .into_iter()
            .map(|row| Route {
                phone_number_id: row.phone_number_id,
                organization: row.organization_id.into(),
                number: row.number_id.into(),
                waba_id: row.waba_id,
                app_id: row.app_id,
            })
            .collect())
    }

    /// The tenants that an app speaks for under an account.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn organizations_of_waba(
        &mut self,
        waba_id: &str,
        app_id: &str,
    ) -> Result<Vec<OrganizationId>, DbError> {
        let rows = sqlx::query_scalar!(
            "SELECT DISTINCT organization_id FROM wabas WHERE waba_id = $1 AND app_id = $2",
            waba_id,
            app_id,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("wabas.find"))?;
        Ok(rows.into_iter().map(OrganizationId::from).collect())
    }
}
