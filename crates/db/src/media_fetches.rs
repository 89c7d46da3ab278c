//! Getting received files: what is to be had with which token, and what came of it.

use chrono::{DateTime, Utc};
use sb_ids::{MediaId, MessageId, NumberId, OrganizationId, PhoneNumberId};

use crate::{DbError, SystemTx, TenantTx};

/// A received file that is to be had from Meta.
#[derive(Debug, Clone)]
pub struct WantedFile {
    /// Its id.
    pub id: MediaId,
    /// The message it came with.
    pub message: Option<MessageId>,
    /// Meta's id.
    pub meta_media_id: String,
    /// What the sender says it is; empty when nothing is said.
    pub mime_type: String,
    /// Our number it came to.
    pub number: NumberId,
    /// Meta's id of that number.
    pub phone_number_id: PhoneNumberId,
    /// The number's access token, sealed; `None` for the installation's own.
    pub access_token_sealed: Option<Vec<u8>>,
}

/// Bytes that are stored now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedFile {
    /// Hex SHA-256 of the bytes.
    pub sha256: String,
    /// Where the bytes are.
    pub storage_key: String,
    /// Where the small picture is, for images.
    pub thumbnail_key: Option<String>,
    /// The MIME type.
    pub mime_type: String,
    /// What its sender said it is, where its bytes say something else.
    pub declared_mime_type: Option<String>,
    /// The size.
    pub size_bytes: i64,
}

/// Received files of one organization whose bytes are to be had.
#[derive(Debug)]
pub struct MediaFetches<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's files that are to be had.
    pub const fn media_fetches(&mut self) -> MediaFetches<'_> {
        MediaFetches(self)
    }
}

impl MediaFetches<'_> {
    /// Finds a file that is still to be had; `None` when it is here, was given up, or its number is gone.
    ///
    /// # Errors
    /// A query error, or [`DbError::Inconsistent`].
    pub async fn find(&mut self, id: MediaId) -> Result<Option<WantedFile>, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT m.message_id, m.meta_media_id AS "meta_media_id!", m.mime_type, n.id AS number_id,
                n.phone_number_id, n.access_token_sealed
            FROM media m
            JOIN numbers n ON n.organization_id = m.organization_id AND n.id = m.number_id
            WHERE m.organization_id = $1 AND m.id = $2 AND m.state = 'pending'
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("media.find_wanted"))?;
        row.map(|row| {
            let phone_number_id = PhoneNumberId::parse(row.phone_number_id);
            Ok(WantedFile {
                id,
                message: row.message_id.map(Into::into),
                meta_media_id: row.meta_media_id,
                mime_type: row.mime_type,
                number: row.number_id.into(),
                phone_number_id: phone_number_id.map_err(|_| DbError::Inconsistent {
                    table: "numbers",
                    column: "phone_number_id",
                    id: row.number_id,
                })?,
                access_token_sealed: row.access_token_sealed,
            })
        })
        .transpose()
    }

    /// The bytes are here. Returns `false` when the file is no longer waited for. Until the transaction ends,
    /// nobody removes the object: look whether it is there before the commit.
    ///
    /// # Errors
    /// A query error.
    pub async fn confirm(&mut self, id: MediaId, file: &FetchedFile) -> Result<bool, DbError> {
        let keys = (&file.storage_key, file.thumbnail_key.as_ref());
        self.0.media().keep_objects(keys).await?;
        sqlx::query!(
            r#"
            UPDATE media
            SET state = 'stored', failure_code = '', sha256 = $3, storage_key = $4, thumbnail_key = $5,
                mime_type = $6, size_bytes = $7, declared_mime_type = $8
            WHERE organization_id = $1 AND id = $2 AND state = 'pending'
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
            file.sha256,
            file.storage_key,
            file.thumbnail_key,
            file.mime_type,
            file.size_bytes,
            file.declared_mime_type,
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(DbError::of("media.confirm"))
    }

    /// The bytes cannot be had. Returns `false` when the file is no longer waited for.
    ///
    /// # Errors
    /// A query error.
    pub async fn fail(&mut self, id: MediaId, code: &str) -> Result<bool, DbError> {
        sqlx::query!(
            r#"
            UPDATE media SET state = 'failed', failure_code = $3
            WHERE organization_id = $1 AND id = $2 AND state = 'pending'
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
            code,
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(DbError::of("media.fail"))
    }

    /// A failed file, or one that was last asked for before `asked_before`, is to be had again. Returns `false` when
    /// it is neither.
    ///
    /// # Errors
    /// A query error.
    pub async fn want_again(
        &mut self,
        id: MediaId,
        asked_before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, DbError> {
        sqlx::query!(
            r#"
            UPDATE media SET state = 'pending', failure_code = '', asked_at = $4
            WHERE organization_id = $1 AND id = $2 AND meta_media_id IS NOT NULL AND number_id IS NOT NULL
                AND (state = 'failed' OR (state = 'pending' AND asked_at < $3))
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
            asked_before,
            now,
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(DbError::of("media.want_again"))
    }
}

/// A file whose command seems to be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverdueFile {
    /// The tenant.
    pub organization: OrganizationId,
    /// The file.
    pub id: MediaId,
}

impl SystemTx {
    /// Files of all tenants that were last asked for before `asked_before`; from now on they count as asked for.
    /// Each goes to one caller.
    ///
    /// # Errors
    /// A query error.
    pub async fn ask_for_overdue_files(
        &mut self,
        asked_before: DateTime<Utc>,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<OverdueFile>, DbError> {
        sqlx::query!(
            r#"
            UPDATE media SET asked_at = $2
            FROM (
                SELECT organization_id, id FROM media
                WHERE state = 'pending' AND asked_at < $1
                ORDER BY asked_at
                LIMIT $3
                FOR UPDATE SKIP LOCKED
            ) AS overdue
            WHERE media.organization_id = overdue.organization_id AND media.id = overdue.id
            RETURNING media.organization_id, media.id
            "#,
            asked_before,
            now,
            limit,
        )
        .fetch_all(self.connection())
        .await
        .map(|rows| {
            let overdue = rows.into_iter().map(|row| OverdueFile {
                organization: row.organization_id.into(),
                id: row.id.into(),
            });
            overdue.collect()
        })
        .map_err(DbError::of("media.ask_for_overdue"))
    }
}
