//! Remembered answers: a request that is repeated with the same key gets the first one's answer.
//!
//! The key is claimed, the work done and the answer remembered in one transaction. A claim is an advisory lock
//! of that transaction, so a crash frees the key, and a second request learns at once that the first is at work. What
//! is already remembered needs no lock: repeating a request many times at once gets the answer every time.

use chrono::{DateTime, Utc};
use sb_ids::OrganizationId;
use serde_json::Value;
use sqlx::PgConnection;

use crate::{DbError, SystemTx, TenantTx};

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum IdempotencyClaim {
    /// The caller does the work.
    Won,
    /// The work was done before.
    Done {
        /// The answer's HTTP status.
        status: u16,
        /// The answer's body.
        body: Value,
    },
    /// The key was used for another request.
    Mismatch,
    /// The first request is still at work.
    InProgress,
}

/// The remembered answers of one organization.
#[derive(Debug)]
pub struct Idempotency<'t> {
    connection: &'t mut PgConnection,
    organization: OrganizationId,
}

impl TenantTx {
    /// The organization's remembered answers.
    pub fn idempotency(&mut self) -> Idempotency<'_> {
        let organization = self.organization();
        Idempotency {
            connection: self.connection(),
            organization,
        }
    }
}

impl SystemTx {
    /// One organization's remembered answers.
    pub fn idempotency(&mut self, organization: OrganizationId) -> Idempotency<'_> {
        Idempotency {
            connection: self.connection(),
            organization,
        }
    }

    /// Forgets answers whose time is over, of all organizations; how many.
    ///
    /// # Errors
    /// A query error.
    pub async fn delete_expired_idempotency(&mut self, at: DateTime<Utc>) -> Result<u64, DbError> {
        sqlx::query!("DELETE FROM idempotency_keys WHERE expires_at <= $1", at)
            .execute(self.connection())
            .await
            .map(|done| done.rows_affected())
            .map_err(DbError::of("idempotency_keys.delete_expired"))
    }
}

impl Idempotency<'_> {
    /// Claims a key for a request until the transaction ends.
    ///
    /// # Errors
    /// A query error.
    pub async fn claim(
        &mut self,
        key: &str,
        request_hash: &[u8],
        at: DateTime<Utc>,
    ) -> Result<IdempotencyClaim, DbError> {
        let unanswered = if self.try_lock(key).await? {
            IdempotencyClaim::Won
        } else {
            IdempotencyClaim::InProgress
        };
        let found = sqlx::query!(
            r#"
            SELECT request_hash, response_status, response_body FROM idempotency_keys
            WHERE organization_id = $1 AND key = $2 AND expires_at > $3
            "#,
            self.organization.as_uuid(),
            key,
            at,
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(DbError::of("idempotency_keys.claim"))?;
        let Some(row) = found else {
            return Ok(unanswered);
        };
        if row.request_hash != request_hash {
            return Ok(IdempotencyClaim::Mismatch);
        }
        match (row.response_status.map(u16::try_from), row.response_body) {
            (Some(Ok(status)), Some(body)) => Ok(IdempotencyClaim::Done { status, body }),
            (Some(_) | None, _) => Ok(IdempotencyClaim::InProgress),
        }
    }

    async fn try_lock(&mut self, key: &str) -> Result<bool, DbError> {
        sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS "locked!""#,
            format!("{}/{key}", self.organization)
        )
        .fetch_one(&mut *self.connection)
        .await
        .map_err(DbError::of("idempotency_keys.lock"))
    }

    /// Remembers the answer of a claimed key.
    ///
    /// # Errors
    /// A query error.
    pub async fn remember(
        &mut self,
        key: &str,
        request_hash: &[u8],
        answer: (u16, &Value),
        (at, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<(), DbError> {
        let (status, body) = answer;
        sqlx::query!(
            r#"
            INSERT INTO idempotency_keys (
                organization_id, key, request_hash, response_status, response_body, created_at, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (organization_id, key) DO UPDATE
            SET request_hash = excluded.request_hash,
                response_status = excluded.response_status,
                response_body = excluded.response_body,
                created_at = excluded.created_at,
                expires_at = excluded.expires_at
            "#,
            self.organization.as_uuid(),
            key,
            request_hash,
            i16::try_from(status).unwrap_or(i16::MAX),
            body,
            at,
            until,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("idempotency_keys.remember"))
    }
}
