//! Templates: status, quality, category, text.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::webhook::scalar;

/// Which template an update is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TemplateRef {
    /// Meta's id.
    #[serde(rename = "message_template_id", deserialize_with = "scalar::required")]
    pub id: String,
    /// Its name.
    #[serde(
        default,
        rename = "message_template_name",
        deserialize_with = "scalar::word"
    )]
    pub name: Option<String>,
    /// Its language.
    #[serde(
        default,
        rename = "message_template_language",
        deserialize_with = "scalar::word"
    )]
    pub language: Option<String>,
}

/// A template was approved, rejected, paused, …
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TemplateStatus {
    /// The template.
    #[serde(flatten)]
    pub template: TemplateRef,
    /// Meta's word: `APPROVED`, `REJECTED`, `PAUSED`, `DISABLED`, …
    #[serde(deserialize_with = "scalar::required")]
    pub event: String,
    /// Its category.
    #[serde(
        default,
        rename = "message_template_category",
        deserialize_with = "scalar::word"
    )]
    pub category: Option<String>,
    /// Why it was rejected; `NONE` otherwise.
    #[serde(default, deserialize_with = "scalar::word")]
    pub reason: Option<String>,
    /// When it will be disabled, as received.
    #[serde(default)]
    pub disable_info: Option<Value>,
    /// Which pause it is, as received.
    #[serde(default)]
    pub other_info: Option<Value>,
    /// What to do about a rejection, as received.
    #[serde(default)]
    pub rejection_info: Option<Value>,
}

/// How people like a template changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TemplateQuality {
    /// The template.
    #[serde(flatten)]
    pub template: TemplateRef,
    /// Until now: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    #[serde(default, deserialize_with = "scalar::word")]
    pub previous_quality_score: Option<String>,
    /// From now on.
    #[serde(deserialize_with = "scalar::required")]
    pub new_quality_score: String,
}

/// A template says something else.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TemplateComponents {
    /// The template.
    #[serde(flatten)]
    pub template: TemplateRef,
    /// The body.
    #[serde(
        default,
        rename = "message_template_element",
        deserialize_with = "scalar::word"
    )]
    pub body: Option<String>,
    /// The header.
    #[serde(
        default,
        rename = "message_template_title",
        deserialize_with = "scalar::word"
    )]
    pub header: Option<String>,
    /// The footer.
    #[serde(
        default,
        rename = "message_template_footer",
        deserialize_with = "scalar::word"
    )]
    pub footer: Option<String>,
    /// The buttons as received.
    #[serde(default, rename = "message_template_buttons")]
    pub buttons: Option<Value>,
}

/// A template's category changed, or will in a day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TemplateCategory {
    /// The template.
    #[serde(flatten)]
    pub template: TemplateRef,
    /// The category until now; only when it has changed.
    #[serde(default, deserialize_with = "scalar::word")]
    pub previous_category: Option<String>,
    /// The present category.
    #[serde(default, deserialize_with = "scalar::word")]
    pub new_category: Option<String>,
    /// What it will be; only ahead of the change.
    #[serde(default, deserialize_with = "scalar::word")]
    pub correct_category: Option<String>,
    /// When it will be, in unix seconds.
    #[serde(default, deserialize_with = "scalar::integer")]
    pub category_update_timestamp: Option<i64>,
}

/// Text sent without a template did not fit the category it was sent in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TemplateMisuse {
    /// The template that Meta made of it.
    #[serde(flatten)]
    pub template: TemplateRef,
    /// The category it was sent in.
    #[serde(default, deserialize_with = "scalar::word")]
    pub category: Option<String>,
    /// The category it belongs to.
    #[serde(default, deserialize_with = "scalar::word")]
    pub correct_category: Option<String>,
}

/// Whether a value is that of a quality update.
pub(super) fn is_quality(value: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Wire {
        new_quality_score: Option<Value>,
        event: Option<Value>,
    }
    serde_json::from_str::<Wire>(value.get())
        .is_ok_and(|wire| wire.new_quality_score.is_some() && wire.event.is_none())
}
