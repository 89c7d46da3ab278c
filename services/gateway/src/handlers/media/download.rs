//! The bytes of a file, for whoever has a signed address.

use std::ops::Range;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    self, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    Charset, ContentDisposition, ContentRange, ContentRangeSpec, DispositionParam, DispositionType,
    ETag, EntityTag, ExtendedValue, HeaderValue, IF_RANGE, IfNoneMatch, IfRange,
};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use sb_db::{Media, MediaState};
use sb_http::{Code, Problem};
use sb_media::{MediaError, MediaKey, THUMBNAIL_TYPE};
use serde::Deserialize;
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
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The end and the signature of an address.
#[derive(Debug, Deserialize)]
pub(crate) struct Signed {
    expires: i64,
    signature: String,
}

/// `GET /media/{organization}/{id}/{variant}`, whole or in part
#[expect(
    clippy::future_not_send,
    reason = "actix handles a request on one thread"
)]
pub(crate) async fn download(
    gateway: Data<Gateway>,
    path: Path<(Uuid, Uuid, String)>,
    signed: Query<Signed>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let target = target(path.into_inner())?;
    let now = gateway.clock.now();
    let said = (signed.expires, signed.signature.as_str());
    if !gateway.links.allows(&target, said, now) {
        return Err(Problem::new(Code::MediaLinkInvalid));
    }
    let (media, key) = find(&gateway, &target).await?;
    let tag = EntityTag::new_strong(key.sha256_hex());
    let mut head = head(&media, target.variant);
    let left = signed.expires.saturating_sub(now.timestamp());
    head.insert_header((CACHE_CONTROL, format!("private, max-age={left}, immutable")))
        .insert_header(ETag(tag.clone()));
    let size_bytes = match target.variant {
        Variant::File => media.size_bytes.and_then(|size| u64::try_from(size).ok()),
        Variant::Thumbnail => None,
    };
    let range = match wanted(&request, &tag, size_bytes) {
        Wanted::Whole => None,
        Wanted::Part(range) => Some(range),
        Wanted::NotModified => return Ok(head.status(StatusCode::NOT_MODIFIED).finish()),
        Wanted::BeyondTheEnd(size) => {
            let problem = Problem::new(Code::MediaRangeInvalid);
            let size = HeaderValue::try_from(format!("bytes */{size}"));
            return Err(problem.header(CONTENT_RANGE, size.map_err(Problem::internal)?));
        }
    };
    let reading = gateway.media.read(&key, range.clone()).await;
    let reading = reading.map_err(|error| {
        if matches!(error, MediaError::NotFound { .. }) {
            gone()
        } else {
            Problem::unavailable(error)
        }
    })?;
    if size_bytes.is_some() {
        head.insert_header((ACCEPT_RANGES, "bytes"));
    }
    if let Some(range) = range {
        head.status(StatusCode::PARTIAL_CONTENT)
            .insert_header(ContentRange(ContentRangeSpec::Bytes {
                range: Some((range.start, range.end.saturating_sub(1))),
                instance_length: size_bytes,
            }));
    }
    Ok(head
        .no_chunking(reading.size_bytes)
        .streaming(reading.pieces))
}

fn gone() -> Problem {
    Problem::not_found(Code::MediaNotFound)
}

fn target((organization, media, variant): (Uuid, Uuid, String)) -> Result<Target, Problem> {
    let variant = Variant::parse(&variant).ok_or_else(|| Problem::new(Code::MediaLinkInvalid))?;
    Ok(Target {
        organization: organization.into(),
        media: media.into(),
        variant,
    })
}

async fn find(gateway: &Gateway, target: &Target) -> Result<(Media, MediaKey), Problem> {
    let mut tx = gateway.db.tenant(target.organization).await?;
    let media = tx.media().find(target.media).await?;
    tx.commit().await?;
    let media = media.ok_or_else(gone)?;
    let key = match (media.state, target.variant) {
        (MediaState::Stored, Variant::File) => media.storage_key.as_deref(),
        (MediaState::Stored, Variant::Thumbnail) => media.thumbnail_key.as_deref(),
        (MediaState::Pending | MediaState::Failed | MediaState::Expired, _) => None,
    };
    let key = MediaKey::parse(target.organization, key.ok_or_else(gone)?);
    Ok((media, key.map_err(Problem::internal)?))
}

/// Which bytes a request is about.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// The caller has them already.
    NotModified,
    /// There are only so many.
    BeyondTheEnd(u64),
}

/// Several ranges, or one that makes no sense, are answered with the whole file.
///
/// # Source
/// RFC 9110, sections 13.1.2, 13.1.5 and 14.
fn wanted(request: &HttpRequest, tag: &EntityTag, size_bytes: Option<u64>) -> Wanted {
    let is_had = match request.get_header::<IfNoneMatch>() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|had| had.weak_eq(tag)),
        None => false,
    };
    if is_had {
        return Wanted::NotModified;
    }
    let is_of_this_file = match request.get_header::<IfRange>() {
        Some(IfRange::EntityTag(of)) => of.strong_eq(tag),
        Some(IfRange::Date(_)) => false,
        None => !request.headers().contains_key(IF_RANGE),
    };
    let ranges = request.get_header::<header::Range>();
    match (size_bytes, ranges.as_ref()) {
        (Some(size), Some(header::Range::Bytes(ranges))) if is_of_this_file => match ranges[..] {
            [ref range] => range
                .to_satisfiable_range(size)
                .map_or(Wanted::BeyondTheEnd(size), |(first, last)| {
                    Wanted::Part(first..last.saturating_add(1))
                }),
            _ => Wanted::Whole,
        },
        _ => Wanted::Whole,
    }
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
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_request_is_about_the_whole_file_or_one_part_of_it() {
        let tag = EntityTag::new_strong("ab".to_owned());
        let of = |headers: &[(&str, &str)]| {
            let request = headers
                .iter()
                .fold(TestRequest::default(), |request, header| {
                    request.insert_header(*header)
                });
            wanted(&request.to_http_request(), &tag, Some(10))
        };
        assert_eq!(of(&[]), Wanted::Whole);
        for (range, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-", Wanted::Part(2..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=5-500", Wanted::Part(5..10)),
            ("bytes=10-", Wanted::BeyondTheEnd(10)),
            ("bytes=-0", Wanted::BeyondTheEnd(10)),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=1-2,4-5", Wanted::Whole),
            ("pages=1-2", Wanted::Whole),
            ("bytes", Wanted::Whole),
        ] {
            assert_eq!(of(&[("range", range)]), expected, "{range}");
        }
        let part = ("range", "bytes=1-2");
        assert_eq!(of(&[part, ("if-range", "\"ab\"")]), Wanted::Part(1..3));
        assert_eq!(of(&[part, ("if-range", "\"cd\"")]), Wanted::Whole);
        assert_eq!(of(&[part, ("if-range", "nonsense")]), Wanted::Whole);
        assert_eq!(
            of(&[("if-none-match", "\"cd\", W/\"ab\"")]),
            Wanted::NotModified
        );
        assert_eq!(of(&[("if-none-match", "*")]), Wanted::NotModified);
        assert_eq!(of(&[part, ("if-none-match", "\"cd\"")]), Wanted::Part(1..3));
    }

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
