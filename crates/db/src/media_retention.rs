//! Forgetting files whose time is over: first the rows say so, then the bytes go that no row needs.

use chrono::{DateTime, Utc};
use sb_ids::{MediaId, OrganizationId};

use crate::{DbError, SystemTx};

/// A file whose time is over and whose bytes may still be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredFile {
    /// The tenant.
    pub organization: OrganizationId,
    /// The file.
    pub id: MediaId,
}

/// Files of all tenants, for housekeeping.
#[derive(Debug)]
pub struct MediaRetention<'t>(&'t mut SystemTx);

impl SystemTx {
    /// Files whose time is over; [`crate::SystemReason::Housekeeping`].
    pub const fn media_retention(&mut self) -> MediaRetention<'_> {
        MediaRetention(self)
    }
}

impl MediaRetention<'_> {
    /// Marks files that are older than their organization keeps them. Returns how many.
    ///
    /// # Errors
    /// A query error.
    pub async fn expire(&mut self, now: DateTime<Utc>, limit: i64) -> Result<u64, DbError> {
        sqlx::query!(
            r#"
            UPDATE media SET state = 'expired'
            FROM (
                SELECT m.organization_id, m.id
                FROM organizations o
                JOIN media m ON m.organization_id = o.id AND m.state = 'stored'
                    AND m.created_at < $1::timestamptz - make_interval(days => o.media_retention_days)
                WHERE o.media_retention_days IS NOT NULL
                LIMIT $2
                FOR UPDATE OF m SKIP LOCKED
            ) AS due
            WHERE media.organization_id = due.organization_id AND media.id = due.id
            "#,
            now,
            limit,
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected())
        .map_err(DbError::of("media.expire"))
    }

    /// Expired files whose bytes may still be there.
    ///
    /// # Errors
    /// A query error.
    pub async fn expired(&mut self, limit: i64) -> Result<Vec<ExpiredFile>, DbError> {
        let rows = sqlx::query!(
            r#"
            SELECT organization_id, id FROM media
            WHERE state = 'expired' AND storage_key IS NOT NULL
            LIMIT $1
            "#,
            limit,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("media.expired"))?;
        Ok(rows
            .into_iter()
            .map(|row| ExpiredFile {
                organization: row.organization_id.into(),
                id: row.id.into(),
            })
            .collect())
    }

    /// Lets go of an expired file's bytes. Returns the keys that no other file needs: delete the objects before
    /// the commit; nobody can begin to need one until then.
    ///
    /// # Errors
    /// A query error.
    pub async fn release(&mut self, file: &ExpiredFile) -> Result<Vec<String>, DbError> {
        let (organization, id) = (file.organization.as_uuid(), file.id.as_uuid());
        let row = sqlx::query!(
            r#"
            SELECT storage_key AS "storage_key!", thumbnail_key FROM media
            WHERE organization_id = $1 AND id = $2 AND state = 'expired' AND storage_key IS NOT NULL
            FOR UPDATE
            "#,
            organization,
            id,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("media.release"))?;
        let Some(row) = row else {
            return Ok(Vec::new());
        };
        let mut keys: Vec<String> = [Some(row.storage_key), row.thumbnail_key]
            .into_iter()
            .flatten()
            .collect();
        // In one order, as two files may share both.
        keys.sort();
        let mut free = Vec::new();
        for key in keys {
            crate::media::lock_object(self.0.connection(), &key).await?;
            if !self.is_needed(file, &key).await? {
                free.push(key);
            }
        }
        sqlx::query!(
            "UPDATE media SET storage_key = NULL, thumbnail_key = NULL WHERE organization_id = $1 AND id = $2",
            organization,
            id,
        )
        .execute(self.0.connection())
        .await
        .map_err(DbError::of("media.release"))?;
        Ok(free)
    }

    async fn is_needed(&mut self, file: &ExpiredFile, key: &str) -> Result<bool, DbError> {
        sqlx::query_scalar!(
            r#"
            SELECT EXISTS (
                SELECT FROM media WHERE organization_id = $1 AND id <> $2 AND storage_key = $3
            ) OR EXISTS (
                SELECT FROM media WHERE organization_id = $1 AND id <> $2 AND thumbnail_key = $3
            ) AS "is_needed!"
            "#,
            file.organization.as_uuid(),
            file.id.as_uuid(),
            key,
        )
        .fetch_one(self.0.connection())
        .await
        .map_err(DbError::of("media.is_needed"))
    }
}
