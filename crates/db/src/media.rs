//! Stored files: where the bytes are, and what annotation made of them.

use chrono::{DateTime, Utc};
use sb_ids::{MediaId, MessageId};
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{DbError, TenantTx};

/// A file in the object storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Its id.
    pub id: MediaId,
    /// The message it came with.
    pub message: Option<MessageId>,
    /// Hex SHA-256 of the bytes.
    pub sha256: String,
    /// Where the bytes are.
    pub storage_key: String,
    /// Its MIME type.
    pub mime_type: String,
    /// Its name, empty when it has none.
    pub filename: String,
    /// Its size.
    pub size_bytes: i64,
    /// What annotation made of it.
    pub annotations: Vec<Annotation>,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
}

/// What annotation made of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Annotation {
    /// `transcription` or `description`.
    pub kind: String,
    /// `done` or `failed`.
    pub state: String,
    /// The text.
    pub text: String,
    /// Why it failed.
    pub error: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A file to be recorded; its bytes are stored already.
#[derive(Debug, Clone)]
pub struct NewMedia {
    /// Its id.
    pub id: MediaId,
    /// The message it came with.
    pub message: Option<MessageId>,
    /// Hex SHA-256 of the bytes.
    pub sha256: String,
    /// Where the bytes are.
    pub storage_key: String,
    /// Its MIME type.
    pub mime_type: String,
    /// Its name, empty when it has none.
    pub filename: String,
    /// Its size.
    pub size_bytes: i64,
}

/// The files of one organization.
#[derive(Debug)]
pub struct MediaFiles<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's files.
    pub const fn media(&mut self) -> MediaFiles<'_> {
        MediaFiles(self)
    }
}

impl MediaFiles<'_> {
    /// Records a file.
    ///
    /// # Errors
    /// A query error.
    pub async fn insert(&mut self, new: &NewMedia, at: DateTime<Utc>) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            INSERT INTO media (
                organization_id, id, message_id, sha256, storage_key, mime_type, filename, size_bytes, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            "#,
            self.0.organization().as_uuid(),
            new.id.as_uuid(),
            new.message.map(Uuid::from),
            new.sha256,
            new.storage_key,
            new.mime_type,
            new.filename,
            new.size_bytes,
            at,
        )
        .execute(self.0.connection())
        .await
        .map(drop)
        .map_err(DbError::of("media.insert"))
    }

    /// Finds a file with its annotations.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(&mut self, id: MediaId) -> Result<Option<Media>, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT id, message_id, sha256, storage_key, mime_type, filename, size_bytes, created_at,
                (SELECT coalesce(json_agg(json_build_object(
                        'kind', a.kind, 'state', a.state, 'text', a.text, 'error', a.error,
                        'created_at', a.created_at) ORDER BY a.kind), '[]')
                 FROM annotations a
                 WHERE a.organization_id = media.organization_id AND a.media_id = media.id)
                    AS "annotations!: Json<Vec<Annotation>>"
            FROM media
            WHERE organization_id = $1 AND id = $2
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("media.find"))?;
        Ok(row.map(|row| Media {
            id: row.id.into(),
            message: row.message_id.map(Into::into),
            sha256: row.sha256,
            storage_key: row.storage_key,
            mime_type: row.mime_type,
            filename: row.filename,
            size_bytes: row.size_bytes,
            annotations: row.annotations.0,
            created_at: row.created_at,
        }))
    }
}
