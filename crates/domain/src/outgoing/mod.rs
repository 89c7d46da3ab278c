//! What may be sent: checked before anything is queued, so that a caller learns of a mistake at once.

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

/// Longest template name.
///
/// # Source
/// Meta, "Template components", 2026.
pub const TEMPLATE_NAME_MAX: usize = 512;

/// Why content cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidContent {
    /// A field that must say something is empty.
    #[error("`{field}` must not be empty")]
    Empty {
        /// Path of the field in the content.
        field: &'static str,
    },
    /// A field is longer than Meta takes.
    #[error("`{field}` has {length} characters, Meta accepts {limit}")]
    TooLong {
        /// Path of the field in the content.
        field: &'static str,
        /// Its length in characters.
        length: usize,
        /// The limit in characters.
        limit: usize,
    },
    /// A field has a form Meta does not take.
    #[error("`{field}` {rule}")]
    Malformed {
        /// Path of the field in the content.
        field: &'static str,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// This kind of content cannot be sent.
    #[error("content of type `{kind}` cannot be sent")]
    NotSendable {
        /// The content's type.
        kind: &'static str,
    },
}

impl InvalidContent {
    /// The field at fault.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Empty { field } | Self::TooLong { field, .. } | Self::Malformed { field, .. } => {
                field
            }
            Self::NotSendable { .. } => "type",
        }
    }
}

fn bounded(field: &'static str, text: &str, limit: usize) -> Result<(), InvalidContent> {
    let length = text.chars().count();
    if length == 0 {
        return Err(InvalidContent::Empty { field });
    }
    if length > limit {
        return Err(InvalidContent::TooLong {
            field,
            length,
            limit,
        });
    }
    Ok(())
}

fn check_media(media: &MediaPart) -> Result<(), InvalidContent> {
    match (&media.link, &media.meta_media_id) {
        (Some(link), None) if link.starts_with("https://") || link.starts_with("http://") => {}
        (Some(_), None) => {
            return Err(InvalidContent::Malformed {
                field: "link",
                rule: "must be an http(s) URL",
            });
        }
        (None, Some(id)) => bounded("meta_media_id", id, 256)?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(InvalidContent::Malformed {
                field: "link",
                rule: "or `meta_media_id` must be given, not both",
            });
        }
    }
    let Some(caption) = &media.caption else {
        return Ok(());
    };
    if matches!(media.kind, MediaKind::Audio | MediaKind::Sticker) {
        return Err(InvalidContent::Malformed {
            field: "caption",
            rule: "is not allowed on audio and stickers",
        });
    }
    bounded("caption", caption, CAPTION_MAX)
}

/// Checks content against Meta's limits.
///
/// # Errors
/// The first field that Meta would refuse, with its limit.
pub fn validate(content: &MessageContent) -> Result<(), InvalidContent> {
    match &content.part {
        Part::Text { body, .. } => bounded("body", body, TEXT_MAX),
        Part::Media(media) => check_media(media),
        Part::Template(template) => {
            bounded("name", &template.name, TEMPLATE_NAME_MAX)?;
            let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            if !template.name.bytes().all(lower) {
                return Err(InvalidContent::Malformed {
                    field: "name",
                    rule: "may only contain a-z, 0-9 and _",
                });
            }
            bounded("language", &template.language, 16)
        }
        Part::Reaction { message_id, .. } => bounded("message_id", message_id, 512),
        Part::Location {
            latitude,
            longitude,
            ..
        } => {
            if !(-90.0..=90.0).contains(latitude) {
                return Err(InvalidContent::Malformed {
                    field: "latitude",
                    rule: "must be -90 to 90",
                });
            }
            if !(-180.0..=180.0).contains(longitude) {
                return Err(InvalidContent::Malformed {
                    field: "longitude",
                    rule: "must be -180 to 180",
                });
            }
            Ok(())
        }
        Part::Note { .. }
        | Part::Contacts { .. }
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

/// Only templates may be sent while the customer service window is closed.
pub const fn needs_open_window(content: &MessageContent) -> bool {
    !matches!(content.part, Part::Template(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_measured_in_characters_not_bytes() {
        assert_eq!(
            validate(&MessageContent::text("ä".repeat(TEXT_MAX))),
            Ok(())
        );
        assert_eq!(
            validate(&MessageContent::text("ä".repeat(TEXT_MAX + 1))),
            Err(InvalidContent::TooLong {
                field: "body",
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
}
