//! From what a caller asks for to what is queued: checked, formatted, cut, its files looked up.

use sb_db::{Media, MediaState, TenantTx};
use sb_domain::content::{MediaKind, MessageContent, Part, StoredFile, TemplatePart};
use sb_domain::formatting::to_whatsapp;
use sb_domain::outgoing::{self, TEXT_MAX};
use sb_http::{FieldErrors, Problem};
use sb_ids::Wamid;

/// Most messages of one text.
const PIECES_MAX: usize = 20;

/// What is done with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextOptions {
    /// It is Markdown.
    pub(super) markdown: bool,
    /// It may become several messages.
    pub(super) split: bool,
}

/// Checks what is to be sent, as it will be sent.
pub(super) fn check(content: &MessageContent, options: TextOptions, errors: &mut FieldErrors) {
    if options.split && !matches!(content.part, Part::Text { .. }) {
        errors.add("split", "is for text");
    }
    let pieces = pieces(content.clone(), options);
    if pieces.len() > PIECES_MAX {
        let rule = format!("would become more than {PIECES_MAX} messages");
        errors.add("content.body", rule);
    }
    let invalid = pieces
        .iter()
        .find_map(|piece| outgoing::validate(piece).err());
    if let Some(invalid) = invalid {
        errors.add(format!("content.{}", invalid.field()), invalid.to_string());
    }
    if content
        .reply_to
        .as_ref()
        .is_some_and(|id| Wamid::parse(id.as_str()).is_err())
    {
        errors.add("content.reply_to", "is not the wamid of a message");
    }
    let received_only = [
        ("content.forwarded", content.forwarded.is_some()),
        ("content.referral", content.referral.is_some()),
        (
            "content.referred_product",
            content.referred_product.is_some(),
        ),
        ("content.group_id", content.group_id.is_some()),
        ("content.artifacts", !content.artifacts.is_empty()),
    ];
    for (field, _) in received_only.into_iter().filter(|(_, is_set)| *is_set) {
        errors.add(field, "cannot be sent");
    }
}

/// Checks the template for a closed window.
pub(super) fn check_fallback(template: &TemplatePart, errors: &mut FieldErrors) {
    let content = MessageContent::of(Part::Template(template.clone()));
    if let Err(invalid) = outgoing::validate(&content) {
        errors.add(format!("fallback.{}", invalid.field()), invalid.to_string());
    }
}

/// The messages that content becomes: one, unless it is a text that may be split.
pub(super) fn pieces(mut content: MessageContent, options: TextOptions) -> Vec<MessageContent> {
    if options.markdown {
        format(&mut content);
    }
    let Part::Text {
        body,
        preview_url,
        utility,
    } = &content.part
    else {
        return vec![content];
    };
    if !options.split || body.len() <= TEXT_MAX {
        return vec![content];
    }
    let texts = outgoing::split(body, TEXT_MAX);
    let piece = |(index, body): (usize, String)| MessageContent {
        part: Part::Text {
            body,
            preview_url: *preview_url,
            utility: *utility,
        },
        // An answer to a message is shown as one once.
        reply_to: content.reply_to.clone().filter(|_| index == 0),
        ..content.clone()
    };
    texts.into_iter().enumerate().map(piece).collect()
}

fn format(content: &mut MessageContent) {
    let text = match &mut content.part {
        Part::Text { body, .. } => Some(body),
        Part::Media(media) => media.caption.as_mut(),
        Part::Interactive(message) => message.body.as_mut(),
        Part::Template(_)
        | Part::Pin(_)
        | Part::Reaction { .. }
        | Part::Location { .. }
        | Part::Note { .. }
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
        | Part::Raw { .. } => None,
    };
    if let Some(text) = text {
        *text = to_whatsapp(text);
    }
}

/// Looks the files up that it is sent with: Meta has to take them, and what a phone shows of them comes from here.
///
/// # Errors
/// A problem that names `media_id` in the field that it is `of`.
pub(super) async fn check_files(
    tx: &mut TenantTx,
    content: &mut MessageContent,
    of: &str,
) -> Result<(), Problem> {
    for file in content.stored_files() {
        let refused =
            |rule: String| Problem::invalid(Vec::new()).field(format!("{of}.media_id"), rule);
        let found = tx.media().find(file.id).await?;
        let found = found.ok_or_else(|| refused("is not one of your files".to_owned()))?;
        check_file(file, &found).map_err(refused)?;
        if let Part::Media(media) = &mut content.part {
            media.mime_type.get_or_insert(found.mime_type);
            if media.kind == MediaKind::Document && !found.filename.is_empty() {
                media.filename.get_or_insert(found.filename);
            }
        }
    }
    Ok(())
}

/// Whether Meta takes the file, and if not, why.
fn check_file(file: StoredFile, found: &Media) -> Result<(), String> {
    match found.state {
        MediaState::Stored => {}
        // It is being fetched, and the dispatcher waits for it.
        MediaState::Pending => return Ok(()),
        MediaState::Failed | MediaState::Expired => {
            return Err("has no bytes any more".to_owned());
        }
    }
    let size_bytes = found.size_bytes.and_then(|size| u64::try_from(size).ok());
    let size_bytes = size_bytes.unwrap_or_default();
    outgoing::check_file(file.kind, file.voice, &found.mime_type, size_bytes)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: TextOptions = TextOptions {
        markdown: false,
        split: false,
    };

    fn bodies(content: MessageContent, options: TextOptions) -> Vec<String> {
        let pieces = pieces(content, options).into_iter();
        pieces
            .map(|piece| piece.words().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn a_long_text_is_cut_only_when_the_caller_allows_it() {
        let long = || MessageContent::text("word ".repeat(1_000).trim());
        assert_eq!(pieces(long(), PLAIN).len(), 1);
        let mut content = long();
        content.reply_to = Some("wamid.1".to_owned());
        let cut = pieces(
            content,
            TextOptions {
                split: true,
                ..PLAIN
            },
        );
        let replies: Vec<bool> = cut.iter().map(|piece| piece.reply_to.is_some()).collect();
        assert_eq!(replies, [true, false]);
        assert!(cut.iter().all(|piece| outgoing::validate(piece).is_ok()));
    }

    #[test]
    fn markdown_is_rewritten_only_when_the_caller_says_that_it_is() {
        let text = || MessageContent::text("**bold**");
        assert_eq!(bodies(text(), PLAIN), ["**bold**"]);
        let markdown = TextOptions {
            markdown: true,
            ..PLAIN
        };
        assert_eq!(bodies(text(), markdown), ["*bold*"]);
    }

    #[test]
    fn a_book_is_not_a_message() {
        let mut errors = FieldErrors::default();
        let split = TextOptions {
            split: true,
            ..PLAIN
        };
        check(
            &MessageContent::text("x ".repeat(60_000)),
            split,
            &mut errors,
        );
        let found = errors.finish().unwrap_err();
        let fields: Vec<&str> = found.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["content.body"]);
    }
}
