//! WhatsApp Flows as the app on a phone and Meta behind it speak to a business' endpoint. Shares no code with what
//! answers them, so that a mistake made once does not cancel itself out.
//!
//! # Source
//! Meta, "Implementing Endpoint for Flows" and "Error Codes".

mod seal;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use sb_egress::Egress;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::webhooks::{encode, sign};
use seal::{SealError, Sealed};

/// The phone gives up then.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// The phone fetches the public key again and tries once more.
const CANNOT_DECRYPT: u16 = 421;

/// Which part of a request to damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tampering {
    /// One bit of the encrypted data, signed as it then is.
    Data,
    /// One bit of the encrypted key, signed as it then is.
    Key,
    /// One bit of the initial vector, signed as it then is.
    Vector,
    /// A signature by somebody else.
    Signature,
    /// No signature.
    Unsigned,
    /// A signature by somebody else on the flow token.
    TokenSignature,
}

/// What a phone asks, and of whom.
pub(crate) struct Asked {
    pub(crate) url: String,
    /// The key the phone has, then the one it gets when it fetches it again.
    pub(crate) public_keys: Vec<String>,
    pub(crate) app_secret: String,
    pub(crate) request: Map<String, Value>,
    pub(crate) sign_flow_token: bool,
    pub(crate) tamper: Option<Tampering>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Status of each try; none for one that had no answer in time.
    tries: Vec<Option<u16>>,
    /// The last of them.
    status: Option<u16>,
    content_type: String,
    duration_ms: u128,
    /// The decrypted answer.
    answer: Option<Value>,
    /// The body of anything but 200, as JSON or text.
    body: Option<Value>,
    /// Why there is no answer: `timeout_error`, `response-decryption-error`, …
    error: Option<String>,
}

/// Asks, as often as a phone does: again with a fresh key after a 421.
///
/// # Errors
/// When the public key is none.
pub(crate) async fn exchange(egress: &Egress, asked: &Asked) -> Result<Outcome, SealError> {
    let started = Instant::now();
    let mut tries = Vec::new();
    let mut outcome = None;
    for public_key in &asked.public_keys {
        let sealed = Sealed::new(public_key, &question(asked))?;
        let came = post(egress, asked, sealed).await;
        let is_last = came.status != Some(CANNOT_DECRYPT);
        tries.push(came.status);
        outcome = Some(came);
        if is_last {
            break;
        }
    }
    let mut outcome = outcome.ok_or(SealError::PublicKey)?;
    outcome.tries = tries;
    outcome.duration_ms = started.elapsed().as_millis();
    Ok(outcome)
}

/// The question in clear.
fn question(asked: &Asked) -> Vec<u8> {
    let mut request = asked.request.clone();
    if asked.sign_flow_token {
        let token = request.get("flow_token").cloned().unwrap_or_default();
        let secret = match asked.tamper {
            Some(Tampering::TokenSignature) => "somebody else's secret",
            _ => &asked.app_secret,
        };
        let signature = token_signature(secret, &token);
        request.insert("flow_token_signature".to_owned(), signature.into());
    }
    Value::Object(request).to_string().into_bytes()
}

/// A JWT over the flow token.
fn token_signature(secret: &str, token: &Value) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = part(json!({ "flow_token": token }));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = format!("{header}.{claims}");
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

async fn post(egress: &Egress, asked: &Asked, mut sealed: Sealed) -> Outcome {
    match asked.tamper {
        Some(Tampering::Data) => flip(&mut sealed.data),
        Some(Tampering::Key) => flip(&mut sealed.wrapped_key),
        Some(Tampering::Vector) => flip(&mut sealed.vector),
        Some(Tampering::Signature | Tampering::Unsigned | Tampering::TokenSignature) | None => {}
    }
    let envelope = json!({
        "encrypted_flow_data": STANDARD.encode(&sealed.data),
        "encrypted_aes_key": STANDARD.encode(&sealed.wrapped_key),
        "initial_vector": STANDARD.encode(sealed.vector),
    });
    // A `Value` always encodes.
    let body = encode::encode(&envelope).unwrap_or_default();
    let mut request = egress
        .post(&asked.url)
        .header("Content-Type", "application/json");
    if asked.tamper != Some(Tampering::Unsigned) {
        let secret = match asked.tamper {
            Some(Tampering::Signature) => "somebody else's secret",
            _ => &asked.app_secret,
        };
        request = request.header(sign::HEADER, &sign::sign(secret, &body));
    }
    let sent = request
        .body(body)
        .timeout(PATIENCE)
        .trusted()
        .send("simulator.flow.exchange")
        .await;
    let mut outcome = Outcome::nothing();
    let response = match sent {
        Ok(response) => response,
        Err(error) => {
            outcome.error = Some(named(&error));
            return outcome;
        }
    };
    outcome.status = Some(response.status().as_u16());
    outcome.content_type = response
        .header("content-type")
        .unwrap_or_default()
        .to_owned();
    match response.bytes_limited(MAX_ANSWER_BYTES).await {
        Ok(bytes) => outcome.read(&sealed, &bytes),
        Err(error) => outcome.error = Some(named(&error)),
    }
    outcome
}

fn named(error: &sb_egress::EgressError) -> String {
    match error.kind() {
        "timeout" => "timeout_error".to_owned(),
        kind => format!("networking-error: {kind}"),
    }
}

fn flip(bytes: &mut [u8]) {
    if let Some(byte) = bytes.first_mut() {
        *byte ^= 1;
    }
}

impl Outcome {
    const fn nothing() -> Self {
        Self {
            tries: Vec::new(),
            status: None,
            content_type: String::new(),
            duration_ms: 0,
            answer: None,
            body: None,
            error: None,
        }
    }

    fn read(&mut self, sealed: &Sealed, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if self.status != Some(200) {
            let body = serde_json::from_slice(bytes);
            self.body = Some(body.unwrap_or_else(|_| Value::String(text.into_owned())));
            return;
        }
        let opened = STANDARD
            .decode(text.as_bytes())
            .ok()
            .and_then(|encrypted| sealed.open_answer(&encrypted));
        let answer = opened.and_then(|clear| serde_json::from_slice(&clear).ok());
        if answer.is_none() {
            self.error = Some("response-decryption-error".to_owned());
        }
        self.answer = answer;
    }
}
