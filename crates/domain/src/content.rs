//! The content of a message, as stored and as shown: one typed union for all directions.
//!
//! This is a stored format: variants and fields are only added, never renamed.

mod files;
mod interactive;
mod received;
mod template;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use files::StoredFile;
pub use interactive::{
    Action, CarouselCard, FlowAction, Header, InteractivePart, ListRow, ListSection,
    ProductReference, ProductSection, ReplyButton,
};
pub use received::{CallPermissionReply, OrderItem, SystemNotice};
pub use template::{Marketing, ProductPolicy, TemplatePart};

/// Who a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the contact.
    Incoming,
    /// To the contact.
    Outgoing,
    /// Seen by the organization only: tool uses, errors of agents, notes.
    Internal,
}

impl Direction {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Outgoing => "outgoing",
            Self::Internal => "internal",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "incoming" => Some(Self::Incoming),
            "outgoing" => Some(Self::Outgoing),
            "internal" => Some(Self::Internal),
            _ => None,
        }
    }
}

/// A message's content with what surrounds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageContent {
    /// What the message says.
    #[serde(flatten)]
    pub part: Part,
    /// The wamid of the message this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Forwarded by the contact; `frequently` above five times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
    /// The ad or post the contact came from, as Meta sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Value>,
    /// The catalogue product the contact asks about, as Meta sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referred_product: Option<Value>,
    /// Meta's id of the group it was written in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// What annotation added: transcriptions, descriptions, tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
}

/// How often a message was forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forwarded {
    /// Up to five times.
    Once,
    /// More than five times.
    Frequently,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text {
        /// The text itself; up to 4096 characters when sent.
        body: String,
        /// Ask WhatsApp for a preview of the first link.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        preview_url: bool,
        /// Something the contact needs to know about an order or an account: Meta sends it as a utility message, also
        /// outside the customer service window, and without an approved template.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        utility: bool,
    },
    /// A file.
    Media(MediaPart),
    /// An approved template with its parameters.
    Template(TemplatePart),
    /// A message with something to tap.
    Interactive(InteractivePart),
    /// In a group: keeps a message at the top of the chat.
    Pin(Pin),
    /// An emoji on another message; an empty one takes it back.
    Reaction {
        /// The wamid of the message reacted to.
        message_id: String,
        /// The emoji, or empty.
        #[serde(default)]
        emoji: String,
    },
    /// A point on the map.
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
        /// Received only: a page about the place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// Something an agent or the system notes for the organization: an error, a summary.
    Note {
        /// What is noted.
        text: String,
    },
    /// Cards of people, in Meta's form.
    Contacts {
        /// The cards.
        contacts: Vec<Value>,
    },
    /// A pressed quick-reply button.
    ButtonReply {
        /// What the sender of the button put behind it; empty when Meta names none.
        #[serde(default)]
        id: String,
        /// What stood on it.
        title: String,
        /// It was a template's button.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        template: bool,
    },
    /// A picked row of a list.
    ListReply {
        /// What the sender of the list put behind the row.
        id: String,
        /// What stood on it.
        title: String,
        /// The line under it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// A finished flow or a filled-in address.
    FlowReply {
        /// `flow` or `address_message`.
        name: String,
        /// What the contact's chat shows.
        #[serde(default)]
        body: String,
        /// What the contact entered; text when it is no JSON document.
        response: Value,
    },
    /// The contact's answer to a request to be called.
    CallPermissionReply(CallPermissionReply),
    /// A cart.
    Order {
        /// Meta's id of the catalogue.
        catalog_id: String,
        /// What the contact wrote with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// What is in it.
        items: Vec<OrderItem>,
    },
    /// WhatsApp's own notice about the contact: nobody wrote it.
    System(SystemNotice),
    /// The contact opened the chat for the first time, before writing anything.
    RequestWelcome {},
    /// Something the Cloud API does not deliver: a poll, a view-once picture.
    Unsupported {
        /// Meta's word for what it was, when it gives one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        meta_type: Option<String>,
        /// Meta's errors as they came.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        errors: Vec<Value>,
    },
    /// A file of the past whose bytes may follow, or never come.
    MediaPlaceholder {},
    /// A type this version does not interpret: kept as Meta sent it, so that nothing is lost.
    Raw {
        /// Meta's name of the type.
        meta_type: String,
        /// The message object as received.
        raw: Value,
    },
}

/// Kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Sound; `voice` marks a voice note.
    Audio,
    /// A film.
    Video,
    /// Any other file.
    Document,
    /// A sticker.
    Sticker,
}

impl MediaKind {
    /// Meta's word for the kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }
}

/// A file in a message. Exactly one of the places is set by whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaPart {
    /// What kind of file.
    pub kind: MediaKind,
    /// A public HTTPS address that Meta fetches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Meta's media id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta_media_id: Option<String>,
    /// Our stored file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_id: Option<sb_ids::MediaId>,
    /// Text under the file; up to 1024 characters; not for audio and stickers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// The name shown for documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The MIME type, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// A voice note rather than a sound file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub voice: bool,
    /// A sticker that moves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub animated: bool,
}

/// Keeps a message at the top of a group's chat, or ends that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The wamid of the message.
    pub message_id: String,
    /// Take it away again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpin: bool,
    /// How long it stays: 1, 7 or 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// What annotation made of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// What the text is.
    pub kind: ArtifactKind,
    /// The text.
    pub text: String,
}

/// Kinds of artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    /// The words that are in the file.
    Transcription,
    /// What the file is about or looks like.
    Description,
}

impl MessageContent {
    /// Content with nothing around it.
    pub const fn of(part: Part) -> Self {
        Self {
            part,
            reply_to: None,
            forwarded: None,
            referral: None,
            referred_product: None,
            group_id: None,
            artifacts: Vec::new(),
        }
    }

    /// Plain text.
    pub fn text(body: impl Into<String>) -> Self {
        Self::of(Part::Text {
            body: body.into(),
            preview_url: false,
            utility: false,
        })
    }

    /// A note for the organization.
    pub fn note(text: impl Into<String>) -> Self {
        Self::of(Part::Note { text: text.into() })
    }

    /// The word for the part's type, as stored in `messages.content_type`.
    pub const fn type_name(&self) -> &'static str {
        match &self.part {
            Part::Text { .. } => "text",
            Part::Media(media) => media.kind.as_str(),
            Part::Template(_) => "template",
            Part::Interactive(_) => "interactive",
            Part::Pin(_) => "pin",
            Part::Reaction { .. } => "reaction",
            Part::Location { .. } => "location",
            Part::Note { .. } => "note",
            Part::Contacts { .. } => "contacts",
            Part::ButtonReply { .. } => "button_reply",
            Part::ListReply { .. } => "list_reply",
            Part::FlowReply { .. } => "flow_reply",
            Part::CallPermissionReply(_) => "call_permission_reply",
            Part::Order { .. } => "order",
            Part::System(_) => "system",
            Part::RequestWelcome {} => "request_welcome",
            Part::Unsupported { .. } => "unsupported",
            Part::MediaPlaceholder {} => "media_placeholder",
            Part::Raw { .. } => "raw",
        }
    }

    /// The words a reader sees: text, caption, note, or what stood on the pressed button.
    pub fn words(&self) -> Option<&str> {
        match &self.part {
            Part::Text { body, .. } => Some(body),
            Part::Note { text } => Some(text),
            Part::Media(media) => media.caption.as_deref(),
            Part::ButtonReply { title, .. } | Part::ListReply { title, .. } => Some(title),
            Part::Order { text, .. } => text.as_deref(),
            Part::System(notice) => notice.body.as_deref(),
            Part::Interactive(message) => message.body.as_deref(),
            Part::Template(_)
            | Part::Pin(_)
            | Part::Reaction { .. }
            | Part::Location { .. }
            | Part::Contacts { .. }
            | Part::FlowReply { .. }
            | Part::CallPermissionReply(_)
            | Part::RequestWelcome {}
            | Part::Unsupported { .. }
            | Part::MediaPlaceholder {}
            | Part::Raw { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stored_form_of_each_part_still_reads() {
        let stored = [
            r#"{"type":"text","body":"hi"}"#,
            r#"{"type":"media","kind":"image","link":"https://x/y.png","caption":"c"}"#,
            r#"{"type":"template","name":"t","language":"en_US","components":[{"type":"body"}]}"#,
            r#"{"type":"reaction","message_id":"wamid.1","emoji":"👍"}"#,
            r#"{"type":"location","latitude":1.5,"longitude":-2.0,"name":"n"}"#,
            r#"{"type":"note","text":"n","artifacts":[{"kind":"description","text":"d"}]}"#,
            r#"{"type":"raw","meta_type":"order","raw":{"order":{}},"reply_to":"wamid.2"}"#,
            r#"{"type":"contacts","contacts":[{"name":{"formatted_name":"A"}}],"group_id":"g"}"#,
            r#"{"type":"button_reply","id":"1","title":"Yes","template":true}"#,
            r#"{"type":"list_reply","id":"1","title":"Red","description":"d"}"#,
            r#"{"type":"flow_reply","name":"flow","body":"Sent","response":{"flow_token":"t"}}"#,
            r#"{"type":"call_permission_reply","accepted":true,"permanent":true,"automatic":true}"#,
            r#"{"type":"order","catalog_id":"1","items":[{"retailer_id":"a","quantity":2,"price":7.99,"currency":"EUR"}]}"#,
            r#"{"type":"system","kind":"user_changed_number","body":"b","wa_id":"49151"}"#,
            r#"{"type":"request_welcome"}"#,
            r#"{"type":"unsupported","meta_type":"poll_creation","errors":[{"code":131051}]}"#,
            r#"{"type":"media_placeholder","referred_product":{"catalog_id":"1"}}"#,
            r#"{"type":"text","body":"hi","utility":true}"#,
            r#"{"type":"template","name":"t","language":"en_US","marketing":{"product_policy":"strict"}}"#,
            r#"{"type":"interactive","body":"b","action":{"type":"buttons","buttons":[{"id":"1","title":"Yes"}]}}"#,
            r#"{"type":"pin","message_id":"wamid.1","days":7}"#,
        ];
        for json in stored {
            let content: MessageContent = serde_json::from_str(json).unwrap();
            let again: Value = serde_json::to_value(&content).unwrap();
            let original: Value = serde_json::from_str(json).unwrap();
            assert_eq!(again, original, "{json}");
        }
    }
}
