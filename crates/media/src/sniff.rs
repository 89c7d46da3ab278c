//! What a file is by its bytes, and who is right when its sender said something else.

use crate::{MediaError, SpooledFile, is_text_like};

/// How much of the beginning and of the end is looked at.
const LOOKED_AT_BYTES: usize = 64 * 1024;
const UNKNOWN: &str = "application/octet-stream";
const ZIP: &str = "application/zip";
/// What old office documents are in.
const OLE: &str = "application/x-ole-storage";

/// Names of one thing, or of things whose bytes begin alike.
const ALIKE: [&[&str]; 7] = [
    &["image/jpeg", "image/jpg", "image/pjpeg"],
    &[
        "audio/ogg",
        "audio/opus",
        "audio/vorbis",
        "application/ogg",
        "video/ogg",
    ],
    &[
        "audio/mp4",
        "audio/m4a",
        "audio/x-m4a",
        "audio/3gpp",
        "video/mp4",
        "video/3gpp",
        "video/x-m4v",
        "video/quicktime",
    ],
    &["audio/mpeg", "audio/mp3"],
    &["audio/wav", "audio/x-wav", "audio/wave"],
    &["audio/aac", "audio/x-aac", "audio/aacp"],
    &["video/webm", "audio/webm", "video/x-matroska"],
];
/// Shells around something the declared type tells better.
const SHELLS: [&str; 4] = [ZIP, OLE, "application/gzip", "text/xml"];
/// A part that only one kind of Office Open XML document has, and the document's type (ECMA-376).
const OFFICE: [(&str, &str); 3] = [
    (
        "word/document.xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        "xl/workbook.xml",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    (
        "ppt/presentation.xml",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
];

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// As its sender said, unless its bytes say something else.
    pub(crate) mime_type: String,
    /// What its sender said, where its bytes say something else.
    pub(crate) overruled: Option<String>,
}

/// What the file is called from here on.
pub(crate) async fn settle(file: &mut SpooledFile, declared: &str) -> Result<Settled, MediaError> {
    let head = file.head(LOOKED_AT_BYTES).await?;
    let tail = file.tail(LOOKED_AT_BYTES).await?;
    let detected = detect(&head, &tail);
    let mime_type = decide(declared, detected, &head);
    let is_overruled = mime_type != declared && !says_nothing(&essence(declared));
    Ok(Settled {
        mime_type,
        overruled: is_overruled.then(|| declared.to_owned()),
    })
}

fn essence(declared: &str) -> String {
    let essence = declared.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn says_nothing(essence: &str) -> bool {
    essence.is_empty() || essence == UNKNOWN
}

fn detect(head: &[u8], tail: &[u8]) -> Option<&'static str> {
    let detected = infer::get(head)?.mime_type();
    if detected != ZIP {
        return Some(detected);
    }
    // The directory at the end of a ZIP archive names all of its parts.
    let has = |part: &str| contains(tail, part) || contains(head, part);
    let office = OFFICE.iter().find(|(part, _)| has(part));
    Some(office.map_or(ZIP, |(_, mime)| *mime))
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes
        .windows(part.len())
        .any(|window| window == part.as_bytes())
}

fn decide(declared: &str, detected: Option<&'static str>, head: &[u8]) -> String {
    let essence = essence(declared);
    match detected {
        None if essence.is_empty() => UNKNOWN.to_owned(),
        Some(detected) if says_nothing(&essence) || !agree(&essence, detected, head) => {
            detected.to_owned()
        }
        None | Some(_) => declared.to_owned(),
    }
}

fn agree(essence: &str, detected: &str, head: &[u8]) -> bool {
    essence == detected
        || ALIKE
            .iter()
            .any(|alike| alike.contains(&essence) && alike.contains(&detected))
        || (SHELLS.contains(&detected) && essence.starts_with("application/") && essence != "application/pdf")
        || (detected == "text/xml" && essence.ends_with("+xml"))
        // Words may begin like anything: BM is a picture, MZ a program.
        || (is_text_like(essence) && is_text(head))
}

/// Whether bytes that may break off in the middle of a character are text.
fn is_text(head: &[u8]) -> bool {
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    is_utf8 && !head.contains(&0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spool::spooled;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\0\0isomavc1";

    async fn settled(bytes: &[u8], declared: &str) -> String {
        let settled = settle(&mut spooled(bytes).await, declared).await.unwrap();
        assert!(
            settled.overruled.is_none() || settled.mime_type != declared,
            "{settled:?}"
        );
        settled.mime_type
    }

    #[tokio::test]
    async fn what_is_overruled_is_remembered_and_what_said_nothing_is_not() {
        let overruled = async |declared| {
            let settled = settle(&mut spooled(PNG).await, declared).await.unwrap();
            settled.overruled
        };
        assert_eq!(overruled("image/jpeg").await.as_deref(), Some("image/jpeg"));
        for declared in ["image/png", "", UNKNOWN] {
            assert_eq!(overruled(declared).await, None, "{declared}");
        }
    }

    #[tokio::test]
    async fn the_bytes_win_over_a_sender_who_is_wrong() {
        assert_eq!(settled(PNG, "image/jpeg").await, "image/png");
        assert_eq!(settled(PNG, "text/plain").await, "image/png");
        assert_eq!(settled(PNG, "").await, "image/png");
        assert_eq!(settled(PNG, UNKNOWN).await, "image/png");
        assert_eq!(
            settled(b"%PDF-1.7\n\0", "image/png").await,
            "application/pdf"
        );
        assert_eq!(
            settled(b"<!DOCTYPE html><html>", "image/png").await,
            "text/html"
        );
    }

    #[tokio::test]
    async fn a_sender_who_may_be_right_is_believed() {
        for (bytes, declared) in [
            (PNG, "image/png"),
            (b"OggS\0\x02", "audio/ogg; codecs=opus"),
            (MP4, "audio/mp4"),
            (MP4, "video/mp4"),
            (b"BMW costs more", "text/plain"),
            (b"MZ,a,b", "text/csv; charset=utf-8"),
            (b"<html><body>", "text/plain"),
            (b"no bytes anybody knows", "application/x-ours"),
            (
                b"PK\x03\x04 anything",
                "application/vnd.oasis.opendocument.text",
            ),
            (b"plain", "image/jpeg"),
            (b"<?xml version=\"1.0\"?><svg/>", "image/svg+xml"),
        ] {
            assert_eq!(settled(bytes, declared).await, declared);
        }
        assert_eq!(settled(b"who knows", "").await, UNKNOWN);
    }

    #[tokio::test]
    async fn an_office_document_is_told_from_an_archive() {
        let mut bytes = b"PK\x03\x04\x14\0docProps/app.xml".to_vec();
        bytes.extend(vec![7; 200_000]);
        assert_eq!(settled(&bytes, "").await, ZIP);
        bytes.extend(b"PK\x01\x02xl/workbook.xml");
        assert!(settled(&bytes, "").await.ends_with("spreadsheetml.sheet"));
    }

    proptest! {
        #[test]
        fn text_stays_what_it_was_called(text in "[^\0]{0,200}") {
            let detected = detect(text.as_bytes(), text.as_bytes());
            prop_assert_eq!(decide("text/plain", detected, text.as_bytes()), "text/plain");
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), declared in ".{0,30}") {
            let detected = detect(&bytes, &bytes);
            prop_assert!(!decide(&declared, detected, &bytes).is_empty() || !declared.is_empty());
        }
    }
}
