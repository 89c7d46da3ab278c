//! What may be sent: checked before anything is queued, so that a caller learns of a mistake at once.
//!
//! `validate` goes over a message's content, `files` over a file that stands ready, `split` cuts a text that is too
//! long.

mod check;
mod contacts;
mod files;
mod interactive;
mod split;
mod template;

use std::borrow::Cow;

pub use files::{FileLimit, check_file, file_limit};
pub use split::split;

use self::check::{Path, bounded, malformed};
use crate::content::{MediaKind, MediaPart, MessageContent, Part};

/// Longest text body, in characters.
///
/// # Source
/// Meta, "Text messages", 2026.
pub const TEXT_MAX: usize = 4096;

/// Longest caption, in characters.
///
/// # Source
/// Meta, "Image messages", 2026.
pub const CAPTION_MAX: usize = 1024;

/// Longest id of Meta's that is accepted.
const ID_MAX: usize = 512;

/// Why content cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidContent {
    /// A field that must say something is empty.
    #[error("`{field}` must not be empty")]
    Empty {
        /// Path of the field in the content.
        field: String,
    },
    /// A field is longer than Meta takes.
    #[error("`{field}` has {length} characters, Meta accepts {limit}")]
    TooLong {
        /// Path of the field in the content.
        field: String,
        /// Its length in characters.
        length: usize,
        /// The limit in characters.
        limit: usize,
    },
    /// A list has fewer or more elements than Meta takes.
    #[error("`{field}` has {count} elements, Meta accepts {least} to {most}")]
    Count {
        /// Path of the field in the content.
        field: String,
        /// Its elements.
        count: usize,
        /// The fewest.
        least: usize,
        /// The most.
        most: usize,
    },
    /// A field has a form Meta does not take.
    #[error("`{field}` {rule}")]
    Malformed {
        /// Path of the field in the content.
        field: String,
        /// The rule it breaks.
        rule: Cow<'static, str>,
    },
    /// This kind of content cannot be sent.
    #[error("content of type `{kind}` cannot be sent")]
    NotSendable {
        /// The content's type.
        kind: &'static str,
    },
}

impl InvalidContent {
    /// The field at fault, as `action.sections[1].rows[0].title`.
    pub fn field(&self) -> &str {
        match self {
            Self::Empty { field }
            | Self::TooLong { field, .. }
            | Self::Count { field, .. }
            | Self::Malformed { field, .. } => field,
            Self::NotSendable { .. } => "type",
        }
    }
}

/// Checks content against Meta's limits.
///
/// # Errors
/// The first field that Meta would refuse, with its limit.
pub fn validate(content: &MessageContent) -> Result<(), InvalidContent> {
    let root = Path::Root;
    match &content.part {
        Part::Text { body, .. } => bounded(root.key("body"), body, TEXT_MAX),
        Part::Media(media) => check_media(root, media),
        Part::Template(template) => template::check(root, template),
        Part::Interactive(interactive) => interactive::check(root, interactive),
        Part::Contacts { contacts } => contacts::check(root.key("contacts"), contacts),
        Part::Reaction { message_id, .. } => bounded(root.key("message_id"), message_id, ID_MAX),
        Part::Location {
            latitude,
            longitude,
            ..
        } => check_place(*latitude, *longitude),
        Part::Pin(pin) => {
            bounded(root.key("message_id"), &pin.message_id, ID_MAX)?;
            match (pin.unpin, pin.days) {
                (true, Some(_)) => Err(malformed(root.key("days"), "is not allowed with `unpin`")),
                (false, Some(days)) if !PIN_DAYS.contains(&days) => {
                    Err(malformed(root.key("days"), "must be 1, 7 or 30"))
                }
                (true | false, _) => Ok(()),
            }
        }
        Part::Note { .. }
        | Part::ButtonReply { .. }
        | Part::ListReply { .. }
        | Part::FlowReply { .. }
        | Part::CallPermissionReply(_)
        | Part::Order { .. }
        | Part::System(_)
        | Part::RequestWelcome {}
        | Part::Unsupported { .. }
        | Part::MediaPlaceholder {}
        | Part::Raw { .. } => Err(InvalidContent::NotSendable {
            kind: content.type_name(),
        }),
    }
}

/// How long a message may stay pinned.
///
/// # Source
/// WhatsApp offers 24 hours, 7 days and 30 days.
const PIN_DAYS: [u32; 3] = [1, 7, 30];

fn check_place(latitude: f64, longitude: f64) -> Result<(), InvalidContent> {
    let root = Path::Root;
    if !(-90.0..=90.0).contains(&latitude) {
        return Err(malformed(root.key("latitude"), "must be -90 to 90"));
    }
    if !(-180.0..=180.0).contains(&longitude) {
        return Err(malformed(root.key("longitude"), "must be -180 to 180"));
    }
    Ok(())
}

/// A file on its own or in another message: it comes from one place, and only some kinds take text.
fn check_media(at: Path<'_>, media: &MediaPart) -> Result<(), InvalidContent> {
    match (&media.link, &media.meta_media_id, media.media_id) {
        (Some(link), None, None) => check::web_address(at.key("link"), link)?,
        (None, Some(id), None) => bounded(at.key("meta_media_id"), id, ID_MAX)?,
        (None, None, Some(_)) => {}
        (_, _, _) => {
            let rule = "or `meta_media_id` or `media_id` must be given, and only one of them";
            return Err(malformed(at.key("link"), rule));
        }
    }
    if media.voice && media.kind != MediaKind::Audio {
        return Err(malformed(at.key("voice"), "is for audio only"));
    }
    let Some(caption) = &media.caption else {
        return Ok(());
    };
    if matches!(media.kind, MediaKind::Audio | MediaKind::Sticker) {
        return Err(malformed(
            at.key("caption"),
            "is not allowed on audio and stickers",
        ));
    }
    bounded(at.key("caption"), caption, CAPTION_MAX)
}

/// Only templates and utility messages may be sent while the customer service window is closed.
pub const fn needs_open_window(content: &MessageContent) -> bool {
    !matches!(
        content.part,
        Part::Template(_) | Part::Text { utility: true, .. }
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(super) fn problem(content: Value) -> Option<String> {
        let content: MessageContent = serde_json::from_value(content).unwrap();
        validate(&content).err().map(|error| error.to_string())
    }

    #[test]
    fn text_is_measured_in_characters_not_bytes() {
        assert_eq!(
            validate(&MessageContent::text("ä".repeat(TEXT_MAX))),
            Ok(())
        );
        assert_eq!(
            validate(&MessageContent::text("ä".repeat(TEXT_MAX + 1))),
            Err(InvalidContent::TooLong {
                field: "body".to_owned(),
                length: TEXT_MAX + 1,
                limit: TEXT_MAX
            })
        );
    }

    #[test]
    fn a_note_is_never_sent_to_a_contact() {
        assert_eq!(
            validate(&MessageContent::note("internal")),
            Err(InvalidContent::NotSendable { kind: "note" })
        );
    }

    #[test]
    fn a_file_comes_from_exactly_one_place() {
        let image = |with: Value| {
            let mut image = json!({"type": "media", "kind": "image"});
            let fields = with.as_object().unwrap().clone();
            image.as_object_mut().unwrap().extend(fields);
            problem(image)
        };
        let id = "01890000-0000-7000-8000-000000000000";
        assert_eq!(image(json!({"link": "https://a.example/b.png"})), None);
        assert_eq!(image(json!({"meta_media_id": "7"})), None);
        assert_eq!(image(json!({"media_id": id, "caption": "c"})), None);
        for wrong in [
            json!({}),
            json!({"media_id": id, "meta_media_id": "7"}),
            json!({"link": "https://a.example/b.png", "media_id": id}),
        ] {
            let said = image(wrong).unwrap();
            assert!(said.starts_with("`link` or `meta_media_id`"), "{said}");
        }
        assert_eq!(
            image(json!({"link": "ftp://a.example/b.png"})).unwrap(),
            "`link` must be an http(s) address"
        );
        assert_eq!(
            image(json!({"media_id": id, "voice": true})).unwrap(),
            "`voice` is for audio only"
        );
    }

    #[test]
    fn a_pin_lasts_as_long_as_whatsapp_offers() {
        let pin = |days: Value, unpin: bool| {
            problem(json!({"type": "pin", "message_id": "wamid.1", "days": days, "unpin": unpin}))
        };
        assert_eq!(pin(json!(7), false), None);
        assert_eq!(pin(Value::Null, true), None);
        assert_eq!(pin(json!(2), false).unwrap(), "`days` must be 1, 7 or 30");
        assert_eq!(
            pin(json!(7), true).unwrap(),
            "`days` is not allowed with `unpin`"
        );
    }
}
