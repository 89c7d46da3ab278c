//! What Meta would post: escaped and signed as Meta does it.

use sb_cloud_api::escape;
use sb_cloud_api::signature::Signer;
use sb_config::Secret;
use serde_json::{Value, json};

/// The simulator's app, account and number, which `TestTenant::create` makes.
pub(crate) const APP_ID: &str = "900000000000001";
/// The app's secret.
pub(crate) const APP_SECRET: &str = "simulator-app-secret";
/// The word of the handshake.
pub(crate) const VERIFY_TOKEN: &str = "simulator-verify-token";
const WABA_ID: &str = "900000000000201";

/// A post: bytes and the value of `X-Hub-Signature-256`.
#[derive(Debug, Clone)]
pub(crate) struct SignedPost {
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The signature header.
    pub(crate) signature: String,
}

/// A text message from a contact.
pub(crate) fn text(from: &str, wamid: &str, body: &str) -> Value {
    json!({
        "from": from,
        "from_user_id": format!("DE.{from}"),
        "id": wamid,
        "timestamp": "1790000000",
        "type": "text",
        "text": { "body": body },
    })
}

/// A status of one of our messages.
pub(crate) fn status(
    wamid: &str,
    word: &str,
    recipient: &str,
    callback_data: Option<&str>,
) -> Value {
    let mut status = json!({
        "id": wamid,
        "status": word,
        "timestamp": "1790000001",
        "recipient_id": recipient,
        "recipient_user_id": format!("DE.{recipient}"),
    });
    if let (Some(data), Some(fields)) = (callback_data, status.as_object_mut()) {
        fields.insert("biz_opaque_callback_data".to_owned(), data.into());
    }
    status
}

/// The `messages` change of a number, with a profile for each sender.
pub(crate) fn change(phone_number_id: &str, messages: &[Value], statuses: &[Value]) -> Value {
    let contacts: Vec<Value> = messages
        .iter()
        .filter_map(|message| message.get("from")?.as_str())
        .map(|from| {
            json!({ "profile": { "name": format!("Contact {from}") }, "wa_id": from, "user_id": format!("DE.{from}") })
        })
        .collect();
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550100001", "phone_number_id": phone_number_id },
    });
    let lists = [
        ("contacts", contacts),
        ("messages", messages.to_vec()),
        ("statuses", statuses.to_vec()),
    ];
    for (name, list) in lists {
        if let (false, Some(fields)) = (list.is_empty(), value.as_object_mut()) {
            fields.insert(name.to_owned(), list.into());
        }
    }
    json!({ "field": "messages", "value": value })
}

/// The envelope around changes.
pub(crate) fn envelope(changes: &[Value]) -> Value {
    envelope_of(WABA_ID, changes)
}

/// The same of another account.
pub(crate) fn envelope_of(waba: &str, changes: &[Value]) -> Value {
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": waba, "changes": changes }] })
}

/// Escapes and signs a body.
pub(crate) fn sign(secret: &str, body: &Value) -> SignedPost {
    sign_bytes(secret, escape::to_bytes(body).unwrap())
}

/// Signs bytes as they are.
pub(crate) fn sign_bytes(secret: &str, body: Vec<u8>) -> SignedPost {
    let signature = Signer::new(&Secret::from(secret)).header(&body);
    SignedPost { body, signature }
}
