use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use futures::{StreamExt as _, TryStreamExt as _};
use sb_db::NewMedia;
use sb_domain::content::MediaKind;
use sb_events::proto::media::v1::MediaStored;
use sb_events::{Origin, meta};
use sb_http::{Code, Problem, Problems, Tenant, needs};
use sb_ids::{EventId, MediaId};
use sb_media::{IntakeError, Spool, SpoolError, SpooledFile};
use serde_json::json;
use utoipa::ToSchema;

use super::MediaResponse;
use crate::audit;
use crate::state::Gateway;

/// How long a file may take to arrive.
const UPLOAD_TIMEOUT: Duration = Duration::from_mins(5);
/// How long a caller waits while others upload.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
const FILENAME_MAX: usize = 255;
const MIME_TYPE_MAX: usize = 127;
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// A file to be stored, as `multipart/form-data`.
#[derive(Debug, ToSchema)]
#[schema(as = UploadMedia)]
#[expect(dead_code, reason = "describes the form, which is read as a stream")]
pub(crate) struct UploadMediaRequest {
    /// The file, with its name and its `Content-Type`.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// What was uploaded.
struct ReceivedFile {
    bytes: SpooledFile,
    mime_type: String,
    filename: String,
}

/// Store a file
///
/// Documents that are text are read by the annotator; `media.stored` and `message.annotated` events follow.
#[utoipa::path(
    operation_id = "media.upload",
    tag = "media",
    security(("api_key" = ["messages:write"])),
    request_body(content = UploadMediaRequest, content_type = "multipart/form-data"),
    responses((status = 201, description = "Stored.", body = MediaResponse), Problems),
)]
#[post("/media")]
#[expect(
    clippy::future_not_send,
    reason = "actix handles a request on one thread"
)]
pub(crate) async fn upload(
    tenant: Tenant<needs::MessagesWrite>,
    gateway: Data<Gateway>,
    form: Multipart,
) -> Result<HttpResponse, Problem> {
    let turn = tokio::time::timeout(TURN_TIMEOUT, gateway.uploads.acquire());
    let _turn = turn
        .await
        .map_err(Problem::unavailable)?
        .map_err(Problem::internal)?;
    let receiving = tokio::time::timeout(UPLOAD_TIMEOUT, receive(form, gateway.limits.media_bytes));
    let file = receiving
        .await
        .map_err(|_| Problem::new(Code::RequestTimeout))??;
    let answer = store(&tenant, &gateway, file).await?;
    Ok(HttpResponse::Created().json(answer))
}

async fn store(
    tenant: &Tenant<needs::MessagesWrite>,
    gateway: &Gateway,
    file: ReceivedFile,
) -> Result<MediaResponse, Problem> {
    let organization = tenant.organization();
    // The bytes come first: a file without a row wastes space, a row without a file is a broken promise.
    let taken = gateway
        .media
        .take_in(organization, file.bytes, &file.mime_type)
        .await;
    let taken = taken.map_err(refused)?;
    let now = gateway.clock.now();
    let new = NewMedia {
        id: MediaId::new(now),
        message: None,
        kind: kind(&taken.mime_type),
        sha256: taken.sha256.clone(),
        storage_key: taken.key.to_string(),
        thumbnail_key: taken.thumbnail.as_ref().map(ToString::to_string),
        declared_mime_type: taken.declared_mime_type.clone(),
        mime_type: taken.mime_type.clone(),
        filename: file.filename,
        size_bytes: i64::try_from(taken.size_bytes).unwrap_or(i64::MAX),
    };
    let event_id = EventId::derive(new.id.as_uuid(), "media.stored");
    let event = MediaStored {
        meta: Some(meta(
            event_id,
            now,
            organization,
            Origin::start(new.id.as_uuid()),
        )),
        media_id: new.id.to_string(),
        message_id: String::new(),
        mime_type: new.mime_type.clone(),
        size_bytes: new.size_bytes,
    };
    let mut tx = gateway.db.tenant(organization).await?;
    tx.media().insert(&new, now).await?;
    // It may have gone with the last file that needed it, before the row kept it.
    for key in std::iter::once(&taken.key).chain(&taken.thumbnail) {
        let found = gateway.media.exists(key).await;
        if !found.map_err(Problem::unavailable)? {
            return Err(Problem::unavailable(
                "a stored object is gone before its row",
            ));
        }
    }
    tx.outbox().append(&event, now).await?;
    let detail = json!({ "mime_type": new.mime_type, "size_bytes": new.size_bytes });
    let entry = audit::by_key(tenant, "media.upload", "media", new.id, detail);
    tx.audit().append(&entry, now).await?;
    let media = tx.media().find(new.id).await?;
    tx.commit().await?;
    let media = media.ok_or_else(|| Problem::internal("a file's row is gone after its insert"))?;
    Ok(MediaResponse::of(gateway, organization, media))
}

fn refused(error: IntakeError) -> Problem {
    match error {
        IntakeError::Infected { .. } => Problem::new(Code::MediaInfected).because(error),
        IntakeError::Scanner(_) | IntakeError::Media(_) => Problem::unavailable(error),
    }
}

/// What kind of file Meta would call it.
fn kind(mime_type: &str) -> MediaKind {
    match mime_type.split('/').next().unwrap_or_default() {
        "image" => MediaKind::Image,
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        _ => MediaKind::Document,
    }
}

#[expect(
    clippy::future_not_send,
    reason = "actix handles a request on one thread"
)]
async fn receive(mut form: Multipart, limit: u64) -> Result<ReceivedFile, Problem> {
    while let Some(field) = form.next().await {
        let field = field.map_err(unreadable)?;
        if field.name() == Some("file") {
            let mime_type = mime_type(&field);
            let filename = filename(&field);
            let bytes = read(field, limit).await?;
            return Ok(ReceivedFile {
                bytes,
                mime_type,
                filename,
            });
        }
    }
    Err(Problem::invalid(Vec::new()).field("file", "is required, as a part of the form"))
}

#[expect(
    clippy::future_not_send,
    reason = "actix handles a request on one thread"
)]
async fn read(mut field: Field, limit: u64) -> Result<SpooledFile, Problem> {
    let mut spool = Spool::new(limit).await.map_err(Problem::unavailable)?;
    while let Some(chunk) = field.try_next().await.map_err(unreadable)? {
        spool.write(&chunk).await.map_err(|error| match error {
            SpoolError::TooMany(_) => Problem::new(Code::RequestTooLarge)
                .detail(format!("at most {limit} bytes are accepted")),
            SpoolError::Media(error) => Problem::unavailable(error),
        })?;
    }
    let bytes = spool.finish().await.map_err(Problem::unavailable)?;
    if bytes.size_bytes() == 0 {
        return Err(Problem::invalid(Vec::new()).field("file", "must not be empty"));
    }
    Ok(bytes)
}

fn mime_type(field: &Field) -> String {
    field
        .content_type()
        .map(|mime| mime.essence_str().to_owned())
        .filter(|mime| mime.len() <= MIME_TYPE_MAX)
        .unwrap_or_else(|| UNKNOWN_TYPE.to_owned())
}

/// The name without folders and control characters: it is shown, never used as a path.
fn filename(field: &Field) -> String {
    let given = field
        .content_disposition()
        .and_then(|disposition| disposition.get_filename())
        .unwrap_or_default();
    clean_filename(given)
}

fn clean_filename(given: &str) -> String {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default();
    name.chars()
        .filter(|c| !c.is_control())
        .take(FILENAME_MAX)
        .collect()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the form of a function for map_err"
)]
fn unreadable(error: MultipartError) -> Problem {
    let wrong_type = matches!(
        error,
        MultipartError::ContentTypeMissing
            | MultipartError::ContentTypeParse
            | MultipartError::ContentTypeIncompatible
    );
    let problem = if wrong_type {
        Problem::new(Code::RequestUnsupportedMediaType)
            .detail("send the file as multipart/form-data")
    } else {
        Problem::invalid(Vec::new()).detail("the form is malformed or broke off")
    };
    problem.because(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_filename_is_a_name_and_not_a_path() {
        assert_eq!(clean_filename("../../etc/passwd"), "passwd");
        assert_eq!(clean_filename("C:\\x\\prices.csv"), "prices.csv");
        assert_eq!(clean_filename("a\u{0}b\nc"), "abc");
    }

    proptest! {
        #[test]
        fn no_filename_can_break_out(given in ".*") {
            let name = clean_filename(&given);
            prop_assert!(name.chars().count() <= FILENAME_MAX);
            let breaks_out = name.contains(['/', '\\', '\u{0}']);
            prop_assert!(!breaks_out);
        }
    }
}
