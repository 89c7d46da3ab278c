//! How the stored formats of `sb-domain` look in the OpenAPI document. Only a description: requests and answers
//! carry the domain's own types, and a test keeps the two in step.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::interactive_schema::InteractivePartSchema;

#[cfg(test)]
mod tests;

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
    /// Received only: the catalogue product the contact asks about, as Meta sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    referred_product: Option<Value>,
    /// Received only: Meta's id of the group it was written in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_id: Option<String>,
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
        /// Something the contact needs to know about an order or an account: sent as a utility message, also outside the
        /// customer service window.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        utility: bool,
    },
    /// A file.
    #[schema(title = "Media")]
    Media(MediaSchema),
    /// An approved template; the only thing, beside utility texts, that may be sent while the window is closed.
    #[schema(title = "Template")]
    Template(TemplateSchema),
    /// A message with something to tap.
    #[schema(title = "Interactive", example = json!({
        "type": "interactive", "body": "Shall we deliver tomorrow?",
        "action": { "type": "buttons", "buttons": [{ "id": "yes", "title": "Yes" }, { "id": "no", "title": "No" }] }
    }))]
    Interactive(InteractivePartSchema),
    /// In a group: keeps a message at the top of the chat.
    #[schema(title = "Pin")]
    Pin {
        /// The wamid of the message.
        message_id: String,
        /// Take it away again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unpin: bool,
        /// How long it stays: 1, 7 or 30 days.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        days: Option<u32>,
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
        /// Received only: a page about the place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// Internal only: something an agent or the system notes for you.
    #[schema(title = "Note")]
    Note {
        /// What is noted.
        text: String,
    },
    /// Cards of people, in Meta's form: `name.formatted_name` and one more part of the name are needed.
    #[schema(title = "Contacts")]
    Contacts {
        /// The cards.
        contacts: Vec<Value>,
    },
    /// Received only: a pressed quick-reply button.
    #[schema(title = "Button reply")]
    ButtonReply {
        /// What you put behind it; empty when Meta names none.
        #[serde(default)]
        id: String,
        /// What stood on it.
        title: String,
        /// It was a template's button.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        template: bool,
    },
    /// Received only: a picked row of a list.
    #[schema(title = "List reply")]
    ListReply {
        /// What you put behind the row.
        id: String,
        /// What stood on it.
        title: String,
        /// The line under it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// Received only: a finished flow or a filled-in address.
    #[schema(title = "Flow reply")]
    FlowReply {
        /// `flow` or `address_message`.
        name: String,
        /// What the contact's chat shows.
        #[serde(default)]
        body: String,
        /// What the contact entered; text when it is no JSON document.
        response: Value,
    },
    /// Received only: the contact's answer to a request to be called.
    #[schema(title = "Call permission reply")]
    CallPermissionReply {
        /// Calls are allowed.
        accepted: bool,
        /// Until the contact takes it back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        permanent: bool,
        /// When a permission that is not permanent ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<DateTime<Utc>>,
        /// Given by WhatsApp because the contact called.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        automatic: bool,
    },
    /// Received only: a cart.
    #[schema(title = "Order")]
    Order {
        /// Meta's id of the catalogue.
        catalog_id: String,
        /// What the contact wrote with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// What is in it.
        items: Vec<OrderItemSchema>,
    },
    /// Received only: WhatsApp's own notice about the contact.
    #[schema(title = "System notice")]
    System {
        /// `user_changed_number`, `user_changed_user_id`, `customer_identity_changed`, …
        kind: String,
        /// What the chat shows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// The phone number from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wa_id: Option<String>,
        /// The business-scoped id from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
        /// The id across the portfolio from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent_user_id: Option<String>,
        /// The business-scoped id until now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_user_id: Option<String>,
        /// The id across the portfolio until now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_parent_user_id: Option<String>,
        /// The identity check that changed, as Meta sent it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<Value>,
    },
    /// Received only: the contact opened the chat for the first time.
    #[schema(title = "Chat opened")]
    RequestWelcome {},
    /// Received only: something the Cloud API does not deliver.
    #[schema(title = "Unsupported")]
    Unsupported {
        /// Meta's word for what it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        meta_type: Option<String>,
        /// Meta's errors as they came.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        errors: Vec<Value>,
    },
    /// Received only: a file of the past whose bytes may follow, or never come.
    #[schema(title = "Media placeholder")]
    MediaPlaceholder {},
    /// Received only: a type that is not interpreted yet, as Meta sent it.
    #[schema(title = "Raw")]
    Raw {
        /// Meta's name of the type.
        meta_type: String,
        /// The message object as received.
        raw: Value,
    },
}

/// A file in a message; it comes from one of `link`, `meta_media_id` and `media_id`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MediaContent)]
pub(crate) struct MediaSchema {
    /// What kind of file.
    kind: MediaKindSchema,
    /// A public HTTP(S) address that Meta fetches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// Meta's media id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meta_media_id: Option<String>,
    /// A file that was uploaded here, or received: Meta gets a copy before the message is sent.
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
    /// A voice note rather than a sound file: any sound of yours is converted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    voice: bool,
    /// Received only: a sticker that moves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    animated: bool,
}

/// An approved template with what fills it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TemplateContent)]
pub(crate) struct TemplateSchema {
    /// The approved name.
    name: String,
    /// The language code, `en_US`.
    language: String,
    /// Meta's parameter components, in Meta's form. A file of yours is named by `media_id` in the place of `id`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    components: Vec<Value>,
    /// Goes through Meta's Marketing Messages API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    marketing: Option<MarketingSchema>,
}

/// How a template goes through the Marketing Messages API.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Marketing)]
pub(crate) struct MarketingSchema {
    /// What happens when that API cannot send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    product_policy: Option<ProductPolicySchema>,
    /// Whether Meta may use what the contact does with the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_activity_sharing: Option<bool>,
}

/// What happens when the Marketing Messages API cannot send a message.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProductPolicy)]
pub(crate) enum ProductPolicySchema {
    /// It goes through the Cloud API.
    CloudApiFallback,
    /// It fails.
    Strict,
}

/// One line of a cart.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = OrderItem)]
pub(crate) struct OrderItemSchema {
    /// Your id of the product.
    retailer_id: String,
    /// How many.
    quantity: i64,
    /// The price of one, as Meta sent it.
    #[schema(example = 7.99)]
    price: Value,
    /// ISO 4217.
    currency: String,
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
    /// Answer in groups too. Without it an agent answers in a group only when the group's conversation names it.
    #[schema(required = false, default = false)]
    answers_in_groups: bool,
    /// Mark the contact's message as read and show typing while the model works.
    #[schema(required = false, default = true)]
    read_and_typing: bool,
}
