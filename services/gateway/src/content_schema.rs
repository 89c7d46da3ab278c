//! How the stored formats of `sb-domain` look in the OpenAPI document. Only a description: requests and answers
//! carry the domain's own types, and a test keeps the two in step.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// A message's content: what it says, and what surrounds it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Content)]
pub(crate) struct ContentSchema {
    #[serde(flatten)]
    part: PartSchema,
    /// The wamid of the message this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    /// Received only: forwarded by the contact, `frequently` above five times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forwarded: Option<ForwardedSchema>,
    /// Received only: the ad or post the contact came from, as Meta sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    referral: Option<Value>,
    /// Received only: what annotation added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    artifacts: Vec<ArtifactSchema>,
}

/// What a message says.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = ContentPart)]
pub(crate) enum PartSchema {
    /// Text.
    #[schema(title = "Text", example = json!({"type": "text", "body": "Your order is ready."}))]
    Text {
        /// Up to 4096 characters.
        body: String,
        /// Ask WhatsApp for a preview of the first link.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        preview_url: bool,
    },
    /// A file.
    #[schema(title = "Media")]
    Media {
        /// What kind of file.
        kind: MediaKindSchema,
        /// A public HTTP(S) address that Meta fetches.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<String>,
        /// Meta's media id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        meta_media_id: Option<String>,
        /// Received only: our stored file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_id: Option<Uuid>,
        /// Up to 1024 characters; not for audio and stickers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caption: Option<String>,
        /// The name shown for documents.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
        /// The MIME type, when known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mime_type: Option<String>,
        /// A voice note rather than a sound file.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        voice: bool,
    },
    /// An approved template; the only thing that may be sent while the window is closed.
    #[schema(title = "Template")]
    Template {
        /// The approved name.
        name: String,
        /// The language code, `en_US`.
        language: String,
        /// Meta's parameter components, in Meta's form.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        components: Vec<Value>,
    },
    /// An emoji on another message; an empty one takes it back.
    #[schema(title = "Reaction")]
    Reaction {
        /// The wamid of the message reacted to.
        message_id: String,
        /// The emoji, or empty.
        #[serde(default)]
        emoji: String,
    },
    /// A point on the map.
    #[schema(title = "Location")]
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// The place's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The place's address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// Internal only: something an agent or the system notes for you.
    #[schema(title = "Note")]
    Note {
        /// What is noted.
        text: String,
    },
    /// Received only: a type that is not interpreted yet, as Meta sent it.
    #[schema(title = "Raw")]
    Raw {
        /// Meta's name of the type.
        meta_type: String,
        /// The message object as received.
        raw: Value,
    },
}

/// Kinds of files.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MediaKind)]
pub(crate) enum MediaKindSchema {
    Image,
    Audio,
    Video,
    Document,
    Sticker,
}

/// How often a message was forwarded.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Forwarded)]
pub(crate) enum ForwardedSchema {
    Once,
    Frequently,
}

/// What annotation made of a file.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Artifact)]
pub(crate) struct ArtifactSchema {
    /// `transcription` or `description`.
    kind: String,
    /// The text.
    text: String,
}

/// Whether an agent answers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AgentMode)]
pub(crate) enum AgentModeSchema {
    /// Answers.
    Active,
    /// Answers only where a conversation names it.
    Draft,
    /// Never answers.
    Inactive,
}

/// How an agent answers. Every field has a default.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AgentConfig)]
pub(crate) struct AgentConfigSchema {
    /// Provider name (`openai`, `groq`, …) or the base URL of a compatible API.
    #[schema(required = false, default = "openai")]
    provider: String,
    /// The model's name; empty takes the installation's default.
    #[schema(required = false, example = "gpt-5-mini")]
    model: String,
    /// The wire format: `chat_completions`.
    #[schema(required = false, default = "chat_completions")]
    protocol: String,
    /// The system prompt.
    #[schema(required = false, example = "You answer for a flower shop. Be brief.")]
    instructions: String,
    /// How many of the latest messages the model sees.
    #[schema(required = false, minimum = 1, maximum = 200, default = 50)]
    max_messages: u16,
    /// Sampling temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.0, maximum = 2.0)]
    temperature: Option<f64>,
    /// Longest answer in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    max_tokens: Option<u32>,
    /// How long to wait for further messages before answering, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 300)]
    response_delay_seconds: Option<u16>,
    /// Sent once when a conversation starts, before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    welcome_message: Option<String>,
    /// Where errors go: `internal` or `outgoing`.
    #[schema(required = false, default = "internal")]
    error_messages_direction: String,
    /// Mark the contact's message as read and show typing while the model works.
    #[schema(required = false, default = true)]
    read_and_typing: bool,
}

#[cfg(test)]
mod tests {
    use sb_domain::agent::AgentConfig;
    use sb_domain::content::{
        Artifact, ArtifactKind, Forwarded, MediaKind, MediaPart, MessageContent, Part, TemplatePart,
    };
    use sb_ids::MediaId;
    use serde_json::json;

    use super::*;

    fn media(kind: MediaKind) -> Part {
        Part::Media(MediaPart {
            kind,
            link: Some("https://x.test/y".to_owned()),
            meta_media_id: Some("1".to_owned()),
            media_id: Some(MediaId::from_uuid(Uuid::nil())),
            caption: Some("c".to_owned()),
            filename: Some("f".to_owned()),
            mime_type: Some("image/png".to_owned()),
            voice: true,
        })
    }

    fn every_content() -> Vec<MessageContent> {
        let parts = [
            Part::Text {
                body: "b".to_owned(),
                preview_url: true,
            },
            media(MediaKind::Image),
            media(MediaKind::Audio),
            media(MediaKind::Video),
            media(MediaKind::Document),
            media(MediaKind::Sticker),
            Part::Template(TemplatePart {
                name: "n".to_owned(),
                language: "en".to_owned(),
                components: vec![json!({ "type": "body" })],
            }),
            Part::Reaction {
                message_id: "wamid.1".to_owned(),
                emoji: "x".to_owned(),
            },
            Part::Location {
                latitude: 1.0,
                longitude: 2.0,
                name: Some("n".to_owned()),
                address: Some("a".to_owned()),
            },
            Part::Note {
                text: "t".to_owned(),
            },
            Part::Raw {
                meta_type: "order".to_owned(),
                raw: json!({}),
            },
        ];
        parts
            .into_iter()
            .map(|part| MessageContent {
                reply_to: Some("wamid.2".to_owned()),
                forwarded: Some(Forwarded::Frequently),
                referral: Some(json!({ "source": "ad" })),
                artifacts: vec![Artifact {
                    kind: ArtifactKind::Description,
                    text: "t".to_owned(),
                }],
                ..MessageContent::of(part)
            })
            .collect()
    }

    #[test]
    fn the_described_content_is_the_stored_one() {
        for content in every_content() {
            let stored = serde_json::to_value(&content).unwrap();
            let described: ContentSchema = serde_json::from_value(stored.clone()).unwrap();
            assert_eq!(serde_json::to_value(described).unwrap(), stored);
        }
    }

    #[test]
    fn the_described_agent_is_the_stored_one() {
        let config = AgentConfig {
            temperature: Some(0.5),
            max_tokens: Some(1),
            response_delay_seconds: Some(1),
            welcome_message: Some("w".to_owned()),
            ..AgentConfig::default()
        };
        let stored = serde_json::to_value(&config).unwrap();
        let described: AgentConfigSchema = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(described).unwrap(), stored);
    }
}
