//! Files of ours that Meta has a copy of.

use chrono::{DateTime, Utc};
use sb_domain::content::StoredFile;
use sb_ids::{MediaId, NumberId};
use uuid::Uuid;

use crate::{DbError, TenantTx};

/// A copy of a file at Meta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaUpload {
    /// The file.
    pub media: MediaId,
    /// As a voice note.
    pub voice: bool,
    /// Meta's id.
    pub meta_media_id: String,
    /// Until when it can be sent.
    pub expires_at: DateTime<Utc>,
}

/// Copies of one organization's files at Meta.
#[derive(Debug)]
pub struct MediaUploads<'t>(&'t mut TenantTx);

impl TenantTx {
    /// Copies of the organization's files at Meta.
    pub const fn media_uploads(&mut self) -> MediaUploads<'_> {
        MediaUploads(self)
    }
}

impl MediaUploads<'_> {
    /// The copies of these files that `number` may send at `at`.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(
        &mut self,
        number: NumberId,
        files: &[StoredFile],
        at: DateTime<Utc>,
    ) -> Result<Vec<MediaUpload>, DbError> {
        let ids: Vec<Uuid> = files.iter().map(|file| file.id.as_uuid()).collect();
        let rows = sqlx::query!(
            r#"
            SELECT media_id, voice, meta_media_id, expires_at
            FROM media_uploads
            WHERE organization_id = $1 AND number_id = $2 AND media_id = ANY($3) AND expires_at > $4
            "#,
            self.0.organization().as_uuid(),
            number.as_uuid(),
            &ids,
            at,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("media_uploads.find"))?;
        Ok(rows
            .into_iter()
            .map(|row| MediaUpload {
                media: row.media_id.into(),
                voice: row.voice,
                meta_media_id: row.meta_media_id,
                expires_at: row.expires_at,
            })
            .collect())
    }

    /// Remembers a copy; a later one takes the place of an earlier one.
    ///
    /// # Errors
    /// [`DbError::Conflict`] when file or number are not the organization's, or a query error.
    pub async fn save(
        &mut self,
        number: NumberId,
        upload: &MediaUpload,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            INSERT INTO media_uploads (
                organization_id, number_id, media_id, voice, meta_media_id, expires_at, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (organization_id, number_id, media_id, voice)
            DO UPDATE SET meta_media_id = excluded.meta_media_id, expires_at = excluded.expires_at,
                created_at = excluded.created_at
            "#,
            self.0.organization().as_uuid(),
            number.as_uuid(),
            upload.media.as_uuid(),
            upload.voice,
            upload.meta_media_id,
            upload.expires_at,
            at,
        )
        .execute(self.0.connection())
        .await
        .map(drop)
        .map_err(DbError::of("media_uploads.save"))
    }

    /// Forgets the copies of these files, which Meta does not have any more.
    ///
    /// # Errors
    /// A query error.
    pub async fn forget(&mut self, number: NumberId, files: &[StoredFile]) -> Result<(), DbError> {
        let ids: Vec<Uuid> = files.iter().map(|file| file.id.as_uuid()).collect();
        sqlx::query!(
            "DELETE FROM media_uploads WHERE organization_id = $1 AND number_id = $2 AND media_id = ANY($3)",
            self.0.organization().as_uuid(),
            number.as_uuid(),
            &ids,
        )
        .execute(self.0.connection())
        .await
        .map(drop)
        .map_err(DbError::of("media_uploads.forget"))
    }
}
