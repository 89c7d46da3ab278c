//! Parts that only contacts and WhatsApp itself send.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The contact's answer to a request to be called.
///
/// # Source
/// Meta, "Calling API › User call permissions", 2026.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallPermissionReply {
    /// Calls are allowed.
    pub accepted: bool,
    /// Until the contact takes it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
    /// When a permission that is not permanent ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Given by WhatsApp because the contact called, not by the contact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
}

/// One line of a cart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderItem {
    /// The seller's id of the product.
    pub retailer_id: String,
    /// How many.
    pub quantity: i64,
    /// The price of one, in whole units of the currency: a number, as Meta sent it.
    pub price: Value,
    /// ISO 4217.
    pub currency: String,
}

/// What WhatsApp tells about a contact.
///
/// # Source
/// Meta, "System messages webhook", and the changelog of 2026-08-11 for the previous ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemNotice {
    /// `user_changed_number`, `user_changed_user_id`, `customer_identity_changed`, or a word not known here.
    pub kind: String,
    /// What the chat shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The phone number from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wa_id: Option<String>,
    /// The business-scoped id from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The id across the portfolio from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_user_id: Option<String>,
    /// The business-scoped id until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_user_id: Option<String>,
    /// The id across the portfolio until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_parent_user_id: Option<String>,
    /// The identity check that changed, as Meta sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Value>,
}
