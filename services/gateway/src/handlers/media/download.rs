//! The bytes of a file, for whoever has a signed address.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, Charset, ContentDisposition,
    DispositionParam, DispositionType, ExtendedValue,
};
use actix_web::web::{Data, Path, Query};
use bytes::Bytes;
use futures::Stream;
use sb_db::{Media, MediaState};
use sb_http::{Code, Problem};
use sb_media::{MediaError, MediaKey};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::media_links::{Target, Variant};
use crate::state::Gateway;

/// Types that a browser shows without running anything in them. Everything else is only saved.
const SHOWN: [&str; 14] = [
    "application/pdf",
    "audio/aac",
    "audio/amr",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/plain",
    "video/3gpp",
    "video/mp4",
    "video/webm",
];
/// How long a caller waits while others download.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
const PIECE_BYTES: usize = 64 * 1024;
const THUMBNAIL_TYPE: &str = "image/jpeg";
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The end and the signature of an address.
#[derive(Debug, Deserialize)]
pub(crate) struct Signed {
    expires: i64,
    signature: String,
}

/// `GET /media/{organization}/{id}/{variant}`
pub(crate) async fn download(
    gateway: Data<Gateway>,
    path: Path<(Uuid, Uuid, String)>,
    signed: Query<Signed>,
) -> Result<HttpResponse, Problem> {
    let (organization, media, variant) = path.into_inner();
    let variant = Variant::parse(&variant).ok_or_else(|| Problem::new(Code::MediaLinkInvalid))?;
    let target = Target {
        organization: organization.into(),
        media: media.into(),
        variant,
    };
    let now = gateway.clock.now();
    let said = (signed.expires, signed.signature.as_str());
    if !gateway.links.allows(&target, said, now) {
        return Err(Problem::new(Code::MediaLinkInvalid));
    }
    let mut tx = gateway.db.tenant(target.organization).await?;
    let media = tx.media().find(target.media).await?;
    tx.commit().await?;
    let gone = || Problem::not_found(Code::MediaNotFound);
    let media = media.ok_or_else(gone)?;
    let key = match (media.state, variant) {
        (MediaState::Stored, Variant::File) => media.storage_key.as_deref(),
        (MediaState::Stored, Variant::Thumbnail) => media.thumbnail_key.as_deref(),
        (MediaState::Pending | MediaState::Failed | MediaState::Expired, _) => None,
    };
    let key = MediaKey::parse(target.organization, key.ok_or_else(gone)?);
    let key = key.map_err(Problem::internal)?;
    let turn = tokio::time::timeout(TURN_TIMEOUT, Arc::clone(&gateway.downloads).acquire_owned());
    let turn = turn
        .await
        .map_err(Problem::unavailable)?
        .map_err(Problem::internal)?;
    let limit = u64::try_from(gateway.limits.media_bytes).unwrap_or(u64::MAX);
    let bytes = gateway.media.get(&key, limit).await;
    let bytes = bytes.map_err(|error| {
        if matches!(error, MediaError::NotFound { .. }) {
            gone()
        } else {
            Problem::unavailable(error)
        }
    })?;
    let left = signed.expires.saturating_sub(now.timestamp());
    Ok(head(&media, variant)
        .insert_header((CACHE_CONTROL, format!("private, max-age={left}, immutable")))
        .no_chunking(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
        .streaming(pieces(bytes, turn)))
}

/// The bytes in pieces. The turn ends with the last one, so that no more files are held in memory than there are turns.
fn pieces(
    bytes: Bytes,
    turn: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    futures::stream::unfold((bytes, turn), |(mut rest, turn)| {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        std::future::ready((!piece.is_empty()).then_some((Ok(piece), (rest, turn))))
    })
}

/// A browser must neither guess what the bytes are nor run them.
fn head(media: &Media, variant: Variant) -> actix_web::HttpResponseBuilder {
    let (mime_type, is_shown) = match variant {
        Variant::Thumbnail => (THUMBNAIL_TYPE, true),
        Variant::File => shown_as(&media.mime_type),
    };
    let disposition = ContentDisposition {
        disposition: if is_shown {
            DispositionType::Inline
        } else {
            DispositionType::Attachment
        },
        parameters: named(&media.filename),
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, mime_type))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header(("Cross-Origin-Resource-Policy", "same-site"))
        .insert_header(disposition);
    response
}

/// What the answer calls a file of this type, and whether it may be shown.
fn shown_as(mime_type: &str) -> (&'static str, bool) {
    let essence = mime_type.split(';').next().unwrap_or_default().trim();
    SHOWN
        .iter()
        .find(|shown| shown.eq_ignore_ascii_case(essence))
        .map_or((UNKNOWN_TYPE, false), |shown| (*shown, true))
}

fn named(filename: &str) -> Vec<DispositionParam> {
    let name: String = filename.chars().filter(|c| !c.is_control()).collect();
    if name.is_empty() {
        return Vec::new();
    }
    vec![DispositionParam::FilenameExt(ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: name.into_bytes(),
    })]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_would_run_is_only_saved() {
        for mime in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "application/xml",
            "text/javascript",
            "TEXT/HTML; charset=utf-8",
            "image/png\r\nX: y",
            "",
        ] {
            assert_eq!(shown_as(mime), (UNKNOWN_TYPE, false), "{mime}");
        }
        assert_eq!(shown_as("audio/ogg; codecs=opus"), ("audio/ogg", true));
        assert_eq!(shown_as("Image/PNG"), ("image/png", true));
    }
}
