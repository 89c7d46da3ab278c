//! What files Meta takes: checked where the file is at hand, before anything is queued.

use super::InvalidContent;
use super::check::{Path, malformed};
use crate::content::MediaKind;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What Meta takes as one kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimit {
    /// MIME types without parameters.
    pub mime_types: &'static [&'static str],
    /// Most bytes.
    pub bytes: u64,
}

const DOCUMENTS: &[&str] = &[
    "text/plain",
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    // A picture, film or sound can be sent as a document too.
    "image/jpeg",
    "image/png",
    "video/mp4",
    "video/3gpp",
    "audio/aac",
    "audio/amr",
    "audio/mpeg",
    "audio/mp4",
    "audio/ogg",
];
const IMAGES: &[&str] = &["image/jpeg", "image/png"];
const VIDEO: &[&str] = &["video/mp4", "video/3gpp"];
const STICKERS: &[&str] = &["image/webp"];
const AUDIO: &[&str] = &[
    "audio/aac",
    "audio/amr",
    "audio/mpeg",
    "audio/mp4",
    "audio/ogg",
];

/// What Meta takes.
///
/// # Source
/// Meta, "Media", supported media types, 2026. A sticker that moves may have 500 KB, one that does not 100 KB; which it
/// is is Meta's to see.
pub const fn file_limit(kind: MediaKind) -> FileLimit {
    let (mime_types, bytes) = match kind {
        MediaKind::Image => (IMAGES, 5 * MIB),
        MediaKind::Audio => (AUDIO, 16 * MIB),
        MediaKind::Video => (VIDEO, 16 * MIB),
        MediaKind::Document => (DOCUMENTS, 100 * MIB),
        MediaKind::Sticker => (STICKERS, 500 * KIB),
    };
    FileLimit { mime_types, bytes }
}

/// Checks a stored file against what Meta takes of its kind. A voice note may be any sound: it is converted before it is
/// sent.
///
/// # Errors
/// The rule the file breaks, for the field `media_id`.
pub fn check_file(
    kind: MediaKind,
    is_voice: bool,
    mime_type: &str,
    size_bytes: u64,
) -> Result<(), InvalidContent> {
    let root = Path::Root;
    let at = root.key("media_id");
    let essence = mime_type.split(';').next().unwrap_or_default().trim();
    let essence = if essence.eq_ignore_ascii_case("video/3gp") {
        "video/3gpp"
    } else {
        essence
    };
    if is_voice {
        return if essence.starts_with("audio/") || essence == "application/ogg" {
            Ok(())
        } else {
            Err(malformed(
                at,
                format!("is {essence}: a voice note must be a sound"),
            ))
        };
    }
    let limit = file_limit(kind);
    let kind = kind.as_str();
    if !limit
        .mime_types
        .iter()
        .any(|known| known.eq_ignore_ascii_case(essence))
    {
        let known = limit.mime_types.join(", ");
        return Err(malformed(
            at,
            format!("is {essence}: Meta accepts {known} as {kind}"),
        ));
    }
    if size_bytes > limit.bytes {
        return Err(malformed(
            at,
            format!(
                "has {size_bytes} bytes, Meta accepts {} as {kind}",
                limit.bytes
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::content::MediaPart;

    fn said(with: Value, mime_type: &str, size: u64) -> String {
        let media: MediaPart = serde_json::from_value(with).unwrap();
        let checked = check_file(media.kind, media.voice, mime_type, size);
        checked.err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn each_kind_has_its_types_and_its_size() {
        let image = || json!({"kind": "image"});
        assert_eq!(said(image(), "image/png", 5 * MIB), "");
        assert_eq!(
            said(image(), "image/png", 5 * MIB + 1),
            "`media_id` has 5242881 bytes, Meta accepts 5242880 as image"
        );
        assert_eq!(
            said(image(), "image/gif", 1),
            "`media_id` is image/gif: Meta accepts image/jpeg, image/png as image"
        );
        assert_eq!(
            said(json!({"kind": "audio"}), "audio/ogg; codecs=opus", 1),
            ""
        );
        assert_eq!(said(json!({"kind": "document"}), "image/png", 6 * MIB), "");
        assert_eq!(
            said(json!({"kind": "sticker"}), "image/webp", 500 * KIB),
            ""
        );
    }

    #[test]
    fn a_voice_note_may_be_any_sound() {
        let voice = || json!({"kind": "audio", "voice": true});
        assert_eq!(said(voice(), "audio/x-wav", 20 * MIB), "");
        assert_eq!(
            said(voice(), "video/mp4", 1),
            "`media_id` is video/mp4: a voice note must be a sound"
        );
    }
}
