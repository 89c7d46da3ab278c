//! Files: stored once by their content, read by the annotator, and given out under signed addresses.

pub(crate) mod download;
pub(crate) mod get;
pub(crate) mod retry;
pub(crate) mod upload;

use chrono::{DateTime, Utc};
use sb_db::{Annotation, Media, MediaState};
use sb_ids::OrganizationId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::media_links::{MediaLinks, Target, Variant};
use crate::state::Gateway;

/// A file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Media)]
pub(crate) struct MediaResponse {
    /// Its id.
    id: Uuid,
    /// The message it came with; null for an upload.
    message_id: Option<Uuid>,
    /// `pending` while it is fetched from Meta, `stored`, `failed`, or `expired` once it was kept for as long as the
    /// organization wants.
    #[schema(example = "stored")]
    state: &'static str,
    /// `image`, `audio`, `video`, `document` or `sticker`.
    #[schema(example = "document")]
    kind: String,
    /// Why it could not be fetched, such as `media.gone`, `media.too_large`, `media.hash_mismatch`, `media.infected`,
    /// `media.scanner_unavailable`, `meta.unavailable` or `number.token_rejected`; null unless it failed.
    failure_code: Option<String>,
    /// SHA-256 of its bytes in hexadecimal; null while they were never here.
    sha256: Option<String>,
    /// What it is: as its sender said, unless its bytes say something else.
    #[schema(example = "text/csv")]
    mime_type: String,
    /// What its sender said it is, where its bytes say something else; null otherwise.
    declared_mime_type: Option<String>,
    /// Its name, empty when it has none.
    #[schema(example = "prices.csv")]
    filename: String,
    /// Its size in bytes; null while they were never here.
    size_bytes: Option<i64>,
    /// Where its bytes are; null unless it is stored.
    links: Option<MediaLinksResponse>,
    /// What annotation made of it.
    annotations: Vec<AnnotationResponse>,
    created_at: DateTime<Utc>,
}

/// Addresses under which anybody may read a file until their end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MediaLinks)]
pub(crate) struct MediaLinksResponse {
    /// The file.
    file: String,
    /// A small picture of it; null when there is none.
    thumbnail: Option<String>,
    /// When both stop working.
    expires_at: DateTime<Utc>,
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

impl MediaLinksResponse {
    fn of(gateway: &Gateway, organization: OrganizationId, media: &Media) -> Option<Self> {
        if media.state != MediaState::Stored {
            return None;
        }
        let end = MediaLinks::end(gateway.clock.now());
        let address = |variant| {
            let target = Target {
                organization,
                media: media.id,
                variant,
            };
            gateway.links.address(&target, end)
        };
        let thumbnail = media.thumbnail_key.as_ref();
        Some(Self {
            file: address(Variant::File),
            thumbnail: thumbnail.map(|_| address(Variant::Thumbnail)),
            expires_at: end,
        })
    }
}

impl MediaResponse {
    fn of(gateway: &Gateway, organization: OrganizationId, media: Media) -> Self {
        Self {
            links: MediaLinksResponse::of(gateway, organization, &media),
            state: media.state.as_str(),
            kind: media.kind,
            failure_code: Some(media.failure_code).filter(|code| !code.is_empty()),
            id: media.id.as_uuid(),
            message_id: media.message.map(Uuid::from),
            sha256: media.sha256,
            mime_type: media.mime_type,
            declared_mime_type: media.declared_mime_type,
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
