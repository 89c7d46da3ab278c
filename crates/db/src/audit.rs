//! The audit log: who changed what. Written with the change, never rewritten.

use chrono::{DateTime, Utc};
use sb_ids::{AuditId, OrganizationId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::{DbError, SystemTx, TenantTx};

/// One line of the audit log. `detail` names fields, it never holds secrets or personal data.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// `api_key` or `operator`.
    pub actor_kind: &'static str,
    /// Which one.
    pub actor_id: String,
    /// The operation's id in the API, `numbers.create`.
    pub action: &'static str,
    /// What kind of thing was changed.
    pub target_kind: &'static str,
    /// Which one.
    pub target_id: String,
    /// What was changed.
    pub detail: Value,
}

/// The audit log of one organization.
#[derive(Debug)]
pub struct Audit<'t> {
    connection: &'t mut PgConnection,
    organization: OrganizationId,
}

impl TenantTx {
    /// The organization's audit log.
    pub fn audit(&mut self) -> Audit<'_> {
        let organization = self.organization();
        Audit {
            connection: self.connection(),
            organization,
        }
    }
}

impl SystemTx {
    /// One organization's audit log.
    pub fn audit(&mut self, organization: OrganizationId) -> Audit<'_> {
        Audit {
            connection: self.connection(),
            organization,
        }
    }
}

impl Audit<'_> {
    /// Adds a line.
    ///
    /// # Errors
    /// A query error.
    pub async fn append(&mut self, entry: &AuditEntry, at: DateTime<Utc>) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            INSERT INTO audit_log (
                organization_id, id, actor_kind, actor_id, action, target_kind, target_id, detail, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            "#,
            self.organization.as_uuid(),
            AuditId::new(at).as_uuid(),
            entry.actor_kind,
            entry.actor_id,
            entry.action,
            entry.target_kind,
            entry.target_id,
            entry.detail,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("audit_log.append"))
    }
}
