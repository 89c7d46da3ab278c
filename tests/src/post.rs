//! What Meta posts, for tests that post it themselves: escaped and signed as Meta does it.

use sb_cloud_api::escape;
use sb_cloud_api::signature::{SIGNATURE_HEADER, Signer};
use sb_config::Secret;
use sb_domain::Clock;
use sb_egress::Method;
use serde_json::{Value, json};

use crate::http::{Answer, Http};

/// A post: the exact bytes, and the signature over them.
#[derive(Debug, Clone)]
pub struct Post {
    /// The body.
    pub body: Vec<u8>,
    /// The value of `X-Hub-Signature-256`; none for an unsigned post.
    pub signature: Option<String>,
}

impl Post {
    /// A document as Meta writes it, signed with a secret.
    ///
    /// # Errors
    /// When the document cannot be written as JSON.
    pub fn signed(secret: &str, document: &Value) -> anyhow::Result<Self> {
        Ok(Self::signed_bytes(secret, escape::to_bytes(document)?))
    }

    /// Any bytes, signed with a secret.
    pub fn signed_bytes(secret: &str, body: Vec<u8>) -> Self {
        let signature = Signer::new(&Secret::from(secret)).header(&body);
        Self {
            body,
            signature: Some(signature),
        }
    }

    /// The same body without a signature.
    #[must_use]
    pub fn unsigned(self) -> Self {
        Self {
            signature: None,
            ..self
        }
    }

    /// Posts it once.
    ///
    /// # Errors
    /// When there is no complete answer: nobody knows then whether it was taken.
    pub async fn to(&self, http: &Http, url: &str) -> anyhow::Result<Answer> {
        let request = http
            .request(Method::POST, url)
            .header("content-type", "application/json")
            .body(self.body.clone());
        let request = match &self.signature {
            Some(signature) => request.header(SIGNATURE_HEADER, signature),
            None => request,
        };
        http.send("POST of a webhook", request).await
    }
}

/// A text from a phone, as an element of `messages`.
pub fn text_message(phone: &str, wamid: &str, text: &str) -> Value {
    json!({
        "from": phone,
        "from_user_id": format!("DE.{phone}"),
        "id": wamid,
        "timestamp": Clock::system().now().timestamp().to_string(),
        "type": "text",
        "text": { "body": text },
    })
}

/// The `messages` change of a number, with a profile for each sender.
pub fn change(phone_number_id: &str, messages: &[Value]) -> Value {
    let phones = messages
        .iter()
        .filter_map(|message| message.get("from")?.as_str());
    let contacts: Vec<Value> = phones
        .map(|phone| {
            json!({
                "profile": { "name": format!("Contact {phone}") },
                "wa_id": phone,
                "user_id": format!("DE.{phone}"),
            })
        })
        .collect();
    json!({
        "field": "messages",
        "value": {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": "15550100001",
                "phone_number_id": phone_number_id,
            },
            "contacts": contacts,
            "messages": messages,
        },
    })
}

/// The envelope of a post about an account.
pub fn envelope(waba_id: &str, changes: &[Value]) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": waba_id, "changes": changes }],
    })
}
