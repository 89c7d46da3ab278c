//! Meta's webhook bodies, written and signed as Meta does.
//!
//! # Source
//! Meta, "Webhooks: messages", in the form of API version 24 and later.

use chrono::{DateTime, Utc};
use sb_cloud_api::escape;
use sb_cloud_api::signature::Signer;
use sb_config::Secret;
use sb_domain::Clock;
use serde_json::{Map, Value, json};

/// One webhook POST with any number of updates.
#[derive(Debug, Clone)]
pub struct WebhookPost {
    waba: String,
    at: DateTime<Utc>,
    changes: Vec<Value>,
}

/// A body with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPost {
    /// The body's bytes, ASCII only.
    pub body: Vec<u8>,
    /// The value of `X-Hub-Signature-256`.
    pub signature: String,
}

impl WebhookPost {
    /// An empty post about one account.
    pub fn new(waba: impl Into<String>) -> Self {
        Self {
            waba: waba.into(),
            at: Clock::system().now(),
            changes: Vec::new(),
        }
    }

    /// What is added from now on happened then; Meta tells seconds.
    #[must_use]
    pub fn at(self, at: DateTime<Utc>) -> Self {
        Self { at, ..self }
    }

    /// Adds a text that somebody wrote.
    #[must_use]
    pub fn inbound_text(
        self,
        phone_number_id: &str,
        contact: &str,
        name: &str,
        text: &str,
        wamid: &str,
    ) -> Self {
        let message = json!({ "type": "text", "text": { "body": text } });
        self.inbound(phone_number_id, contact, name, wamid, message)
    }

    /// Adds a message of any type: `{"type": "image", "image": {…}}`.
    #[must_use]
    pub fn inbound(
        self,
        phone_number_id: &str,
        contact: &str,
        name: &str,
        wamid: &str,
        mut message: Value,
    ) -> Self {
        if let Some(fields) = message.as_object_mut() {
            fields.insert("id".to_owned(), json!(wamid));
            fields.insert("from".to_owned(), json!(contact));
            fields.insert("timestamp".to_owned(), json!(self.seconds()));
        }
        self.change(
            "messages",
            json!({
                "messaging_product": "whatsapp",
                "metadata": metadata(phone_number_id),
                "contacts": [{ "profile": { "name": name }, "wa_id": contact }],
                "messages": [message],
            }),
        )
    }

    /// Adds a status of a message that we sent: `sent`, `delivered`, `read`.
    #[must_use]
    pub fn status(self, phone_number_id: &str, contact: &str, wamid: &str, status: &str) -> Self {
        let fields = json!({ "status": status });
        self.status_with(phone_number_id, contact, wamid, fields)
    }

    /// Adds a status with further fields: `{"status": "failed", "errors": […]}`.
    #[must_use]
    pub fn status_with(
        self,
        phone_number_id: &str,
        contact: &str,
        wamid: &str,
        mut status: Value,
    ) -> Self {
        if let Some(fields) = status.as_object_mut() {
            fields.insert("id".to_owned(), json!(wamid));
            fields.insert("recipient_id".to_owned(), json!(contact));
            fields.insert("timestamp".to_owned(), json!(self.seconds()));
        }
        self.change(
            "messages",
            json!({
                "messaging_product": "whatsapp",
                "metadata": metadata(phone_number_id),
                "statuses": [status],
            }),
        )
    }

    /// Adds any change.
    #[must_use]
    pub fn change(mut self, field: &str, value: Value) -> Self {
        let mut change = Map::from_iter([("field".to_owned(), json!(field))]);
        change.insert("value".to_owned(), value);
        self.changes.push(change.into());
        self
    }

    /// The body as Meta serialises it.
    pub fn body(&self) -> Vec<u8> {
        let document = json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": self.waba, "changes": self.changes }],
        });
        escape::to_bytes(&document).unwrap()
    }

    /// The body with its signature.
    pub fn sign(&self, app_secret: &Secret) -> SignedPost {
        let body = self.body();
        SignedPost {
            signature: Signer::new(app_secret).header(&body),
            body,
        }
    }

    fn seconds(&self) -> String {
        self.at.timestamp().to_string()
    }
}

fn metadata(phone_number_id: &str) -> Value {
    json!({ "display_phone_number": "15550100001", "phone_number_id": phone_number_id })
}

/// A post with one text.
pub fn inbound_text(
    waba: &str,
    phone_number_id: &str,
    contact: &str,
    text: &str,
    wamid: &str,
) -> WebhookPost {
    WebhookPost::new(waba).inbound_text(phone_number_id, contact, "Test contact", text, wamid)
}

/// A post with one status.
pub fn status(
    waba: &str,
    phone_number_id: &str,
    contact: &str,
    wamid: &str,
    status: &str,
) -> WebhookPost {
    WebhookPost::new(waba).status(phone_number_id, contact, wamid, status)
}

#[cfg(test)]
mod tests {
    use sb_cloud_api::signature::SignatureKeys;
    use sb_ids::MetaAppId;

    use super::*;

    #[test]
    fn a_signed_post_is_ascii_and_verifies() {
        let secret = Secret::from("secret");
        let post = inbound_text("1", "2", "49151", "Grüße 👍", "wamid.1")
            .status("2", "49151", "wamid.0", "read")
            .sign(&secret);
        assert!(post.body.is_ascii());
        let app = MetaAppId::parse("9").unwrap();
        let keys = SignatureKeys::new([(app.clone(), secret)]);
        assert_eq!(keys.verify(Some(&post.signature), &post.body), Ok(&app));
        let document: Value = serde_json::from_slice(&post.body).unwrap();
        let changes = document["entry"][0]["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 2);
        assert_eq!(
            changes[0]["value"]["messages"][0]["text"]["body"],
            "Grüße 👍"
        );
    }
}
