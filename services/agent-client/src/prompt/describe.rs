//! One message as text for the model.

mod interactive;
mod received;

use std::collections::HashMap;

use sb_db::ContextMessage;
use sb_domain::content::{Artifact, ArtifactKind, MediaKind, MediaPart, MessageContent, Part};
use sb_domain::formatting::to_markdown;
use serde_json::Value;

use super::tag::{Tag, shortened};

const QUOTE_CHARS_MAX: usize = 200;
const ARTIFACT_CHARS_MAX: usize = 50_000;
const RAW_CHARS_MAX: usize = 4_000;

/// Short forms of the messages that others may refer to, by wamid.
#[derive(Debug, Default)]
pub(super) struct Quotes<'a>(HashMap<&'a str, String>);

impl<'a> Quotes<'a> {
    pub(super) fn of(messages: &'a [ContextMessage]) -> Self {
        let quotes = messages.iter().filter_map(|message| {
            let wamid = message.wamid.as_deref()?;
            let words = match message.content.words() {
                Some(words) => words.to_owned(),
                None => message.content.type_name().to_owned(),
            };
            Some((wamid, shortened(&words, QUOTE_CHARS_MAX).to_owned()))
        });
        Self(quotes.collect())
    }

    fn find(&self, wamid: &str) -> &str {
        self.0
            .get(wamid)
            .map_or("an earlier message", String::as_str)
    }
}

/// A message in words and tags; `None` when there is nothing to show.
pub(super) fn describe(content: &MessageContent, quotes: &Quotes<'_>) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    if let Some(referral) = &content.referral {
        lines.push(describe_referral(referral));
    }
    if let Some(wamid) = &content.reply_to {
        lines.push(Tag::new("reply_to").text(quotes.find(wamid)).render());
    }
    if content.forwarded.is_some() {
        lines.push(Tag::new("forwarded").render());
    }
    if let Some(product) = &content.referred_product {
        let json = product.to_string();
        lines.push(
            Tag::new("product")
                .text(shortened(&json, RAW_CHARS_MAX))
                .render(),
        );
    }
    lines.push(describe_part(content, quotes)?);
    Some(lines.join("\n"))
}

fn describe_part(content: &MessageContent, quotes: &Quotes<'_>) -> Option<String> {
    Some(match &content.part {
        Part::Text { body, .. } if body.trim().is_empty() => {
            Tag::new("conversation_restarted").render()
        }
        Part::Text { body, .. } => to_markdown(body),
        Part::Note { .. } | Part::Pin(_) => return None,
        Part::Interactive(message) => interactive::describe(message),
        Part::Media(media) => describe_media(media, &content.artifacts),
        Part::Template(template) => {
            let parameters = serde_json::to_string(&template.components).unwrap_or_default();
            let tag = Tag::new("template")
                .attribute("name", &template.name)
                .attribute("language", &template.language);
            if template.components.is_empty() {
                tag.render()
            } else {
                tag.text(shortened(&parameters, RAW_CHARS_MAX)).render()
            }
        }
        Part::Reaction { message_id, emoji } => {
            if emoji.is_empty() {
                return None;
            }
            Tag::new("reaction")
                .attribute("emoji", emoji)
                .text(quotes.find(message_id))
                .render()
        }
        Part::Location {
            latitude,
            longitude,
            name,
            address,
            url: _,
        } => Tag::new("location")
            .attribute("latitude", &latitude.to_string())
            .attribute("longitude", &longitude.to_string())
            .attribute("name", name.as_deref().unwrap_or_default())
            .attribute("address", address.as_deref().unwrap_or_default())
            .render(),
        Part::ButtonReply { title, .. } | Part::ListReply { title, .. } => title.clone(),
        Part::Contacts { .. }
        | Part::FlowReply { .. }
        | Part::CallPermissionReply(_)
        | Part::Order { .. }
        | Part::System(_)
        | Part::RequestWelcome {}
        | Part::Unsupported { .. }
        | Part::MediaPlaceholder {} => received::describe(&content.part)?,
        Part::Raw { meta_type, raw } => describe_raw(meta_type, raw),
    })
}

const fn media_tag(kind: MediaKind) -> &'static str {
    kind.as_str()
}

fn describe_media(media: &MediaPart, artifacts: &[Artifact]) -> String {
    let mut tag = Tag::new(media_tag(media.kind))
        .attribute("filename", media.filename.as_deref().unwrap_or_default())
        .attribute("mime_type", media.mime_type.as_deref().unwrap_or_default())
        .attribute("voice", if media.voice { "true" } else { "" });
    if let Some(caption) = &media.caption {
        tag = tag.child(Tag::new("caption").text(caption));
    }
    for artifact in artifacts {
        let name = match artifact.kind {
            ArtifactKind::Transcription => "transcription",
            ArtifactKind::Description => "description",
        };
        tag = tag.child(Tag::new(name).text(shortened(&artifact.text, ARTIFACT_CHARS_MAX)));
    }
    tag.render()
}

fn describe_referral(referral: &Value) -> String {
    let field = |name: &str| {
        referral
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    Tag::new("referral")
        .attribute("type", field("source_type"))
        .attribute("headline", field("headline"))
        .attribute("body", field("body"))
        .attribute("url", field("source_url"))
        .render()
}

/// Types that are not interpreted yet. A pressed button or a picked row is what the contact says; of the others the
/// model sees the part that Meta names after the type, without the addresses around it.
fn describe_raw(meta_type: &str, raw: &Value) -> String {
    let said = [
        "/interactive/button_reply/title",
        "/interactive/list_reply/title",
        "/button/text",
    ];
    if let Some(words) = said.iter().find_map(|path| raw.pointer(path)?.as_str()) {
        return words.to_owned();
    }
    let tag = Tag::new("message").attribute("type", meta_type);
    match raw.get(meta_type) {
        Some(content) => {
            let json = content.to_string();
            tag.text(shortened(&json, RAW_CHARS_MAX)).render()
        }
        None => tag.render(),
    }
}
