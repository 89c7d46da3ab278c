//! Approved templates with what fills them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A template to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplatePart {
    /// The approved name.
    pub name: String,
    /// The language code, `en_US`.
    pub language: String,
    /// Meta's parameter components, in Meta's form. A file of ours is named by `media_id` in the place of `id`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Value>,
    /// Goes through Meta's Marketing Messages API instead of the Cloud API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marketing: Option<Marketing>,
}

/// How a marketing template goes through the Marketing Messages API.
///
/// # Source
/// Meta, "Marketing Messages API for WhatsApp", 2026: `POST /{phone_number_id}/marketing_messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marketing {
    /// What happens when that API cannot send it; Meta's default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_policy: Option<ProductPolicy>,
    /// Whether Meta may use what the contact does with the message to choose whom such messages reach; the account's
    /// setting when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_activity_sharing: Option<bool>,
}

/// What happens when the Marketing Messages API cannot send a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProductPolicy {
    /// It goes through the Cloud API.
    CloudApiFallback,
    /// It fails.
    Strict,
}

impl ProductPolicy {
    /// Meta's word.
    pub const fn meta_word(self) -> &'static str {
        match self {
            Self::CloudApiFallback => "CLOUD_API_FALLBACK",
            Self::Strict => "STRICT",
        }
    }
}
