//! Stored files: where the bytes are, and what annotation made of them.

use chrono::{DateTime, Utc};
use sb_domain::content::MediaKind;
use sb_ids::{MediaId, MessageId};
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{DbError, TenantTx};

/// Whether a file's bytes are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaState {
    /// They are to be had from Meta.
    Pending,
    /// They are in the object storage.
    Stored,
    /// They could not be had.
    Failed,
    /// They were kept for as long as the organization wants.
    Expired,
}

impl MediaState {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Stored => "stored",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "pending" => Some(Self::Pending),
            "stored" => Some(Self::Stored),
            "failed" => Some(Self::Failed),
            "expired" => Some(Self::Expired),
            _ => None,
        }
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Its id.
    pub id: MediaId,
    /// The message it came with.
    pub message: Option<MessageId>,
    /// Whether its bytes are here.
    pub state: MediaState,
    /// What kind of file; Meta's word.
    pub kind: String,
    /// Why there are no bytes; empty unless it failed.
    pub failure_code: String,
    /// Hex SHA-256 of the bytes, once they were here.
    pub sha256: Option<String>,
    /// Where the bytes are, while they are here.
    pub storage_key: Option<String>,
    /// Where the small picture is, while it is here.
    pub thumbnail_key: Option<String>,
    /// Its MIME type.
    pub mime_type: String,
    /// What its sender said it is, where its bytes say something else.
    pub declared_mime_type: Option<String>,
    /// Its name, empty when it has none.
    pub filename: String,
    /// Its size, once the bytes were here.
    pub size_bytes: Option<i64>,
    /// What annotation made of it.
    pub annotations: Vec<Annotation>,
    /// When we came to know it.
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
    /// What kind of file.
    pub kind: MediaKind,
    /// Hex SHA-256 of the bytes.
    pub sha256: String,
    /// Where the bytes are.
    pub storage_key: String,
    /// Where the small picture of an image is.
    pub thumbnail_key: Option<String>,
    /// Its MIME type.
    pub mime_type: String,
    /// What its sender said it is, where its bytes say something else.
    pub declared_mime_type: Option<String>,
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
    /// Until the transaction ends, nobody removes objects that are no longer needed otherwise. Look whether they are
    /// still there before the commit of a row that names them. Locked in one order, as two files may share both.
    ///
    /// # Errors
    /// A query error.
    pub(crate) async fn keep_objects(
        &mut self,
        (file, thumbnail): (&String, Option<&String>),
    ) -> Result<(), DbError> {
        let mut keys: Vec<&String> = std::iter::once(file).chain(thumbnail).collect();
        keys.sort();
        for key in keys {
            lock_object(self.0.connection(), key).await?;
        }
        Ok(())
    }

    /// Records a file whose bytes are stored. Until the transaction ends, nobody removes them: look whether they are
    /// still there before the commit.
    ///
    /// # Errors
    /// A query error.
    pub async fn insert(&mut self, new: &NewMedia, at: DateTime<Utc>) -> Result<(), DbError> {
        self.keep_objects((&new.storage_key, new.thumbnail_key.as_ref()))
            .await?;
        sqlx::query!(
            r#"
            INSERT INTO media (
                organization_id, id, message_id, sha256, storage_key, mime_type, filename, size_bytes, created_at,
                kind, thumbnail_key, declared_mime_type)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
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
            new.kind.as_str(),
            new.thumbnail_key,
            new.declared_mime_type,
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
            SELECT id, message_id, sha256, storage_key, thumbnail_key, mime_type, declared_mime_type, filename, size_bytes,
                created_at, state, kind, failure_code,
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
        row.map(|row| {
            Ok(Media {
                state: MediaState::parse(&row.state).ok_or(DbError::Inconsistent {
                    table: "media",
                    column: "state",
                    id: row.id,
                })?,
                kind: row.kind,
                failure_code: row.failure_code,
                thumbnail_key: row.thumbnail_key,
                id: row.id.into(),
                message: row.message_id.map(Into::into),
                sha256: row.sha256,
                storage_key: row.storage_key,
                mime_type: row.mime_type,
                declared_mime_type: row.declared_mime_type,
                filename: row.filename,
                size_bytes: row.size_bytes,
                annotations: row.annotations.0,
                created_at: row.created_at,
            })
        })
        .transpose()
    }
}

/// Holds an object's lock until the transaction ends: who begins to need an object and who removes it take turns.
pub(crate) async fn lock_object(
    connection: &mut PgConnection,
    storage_key: &str,
) -> Result<(), DbError> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        storage_key
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(DbError::of("media.lock_object"))
}
