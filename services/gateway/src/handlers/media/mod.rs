//! Files: stored once by their content, and read by the annotator.

pub(crate) mod get;
pub(crate) mod upload;

use chrono::{DateTime, Utc};
use sb_db::{Annotation, Media};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A stored file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Media)]
pub(crate) struct MediaResponse {
    /// Its id.
    id: Uuid,
    /// The message it came with; null for an upload.
    message_id: Option<Uuid>,
    /// SHA-256 of its bytes in hexadecimal.
    sha256: String,
    /// Its MIME type.
    #[schema(example = "text/csv")]
    mime_type: String,
    /// Its name, empty when it has none.
    #[schema(example = "prices.csv")]
    filename: String,
    /// Its size in bytes.
    size_bytes: i64,
    /// What annotation made of it.
    annotations: Vec<AnnotationResponse>,
    created_at: DateTime<Utc>,
}

/// What annotation made of a file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Annotation)]
pub(crate) struct AnnotationResponse {
    /// `transcription` or `description`.
    kind: String,
    /// `done` or `failed`.
    state: String,
    /// The text.
    text: String,
    /// Why it failed.
    error: String,
    created_at: DateTime<Utc>,
}

impl From<Media> for MediaResponse {
    fn from(media: Media) -> Self {
        Self {
            id: media.id.as_uuid(),
            message_id: media.message.map(Uuid::from),
            sha256: media.sha256,
            mime_type: media.mime_type,
            filename: media.filename,
            size_bytes: media.size_bytes,
            annotations: media.annotations.into_iter().map(Into::into).collect(),
            created_at: media.created_at,
        }
    }
}

impl From<Annotation> for AnnotationResponse {
    fn from(annotation: Annotation) -> Self {
        Self {
            kind: annotation.kind,
            state: annotation.state,
            text: annotation.text,
            error: annotation.error,
            created_at: annotation.created_at,
        }
    }
}
