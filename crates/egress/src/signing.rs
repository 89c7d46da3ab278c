//! Signatures on requests to tenants' servers, so that they know who calls.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use sb_config::Secret;

use crate::EgressRequest;

/// Start of a written secret; the rest is the key in base64.
const PREFIX: &str = "whsec_";
const KEY_BYTES: usize = 32;
/// Sizes of keys that are taken.
const ALLOWED_KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a signing secret cannot be used. The secret is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// It is not of the documented form.
    #[error("a signing secret is `whsec_` followed by 24 to 64 bytes in base64")]
    Malformed,
    /// The operating system gave no randomness.
    #[error("drawing random bytes for a signing secret")]
    NoRandomness,
}

/// Makes a signing secret, `whsec_…`.
///
/// # Errors
/// [`SigningError::NoRandomness`].
pub fn generate_signing_secret() -> Result<Secret, SigningError> {
    let mut key = [0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| SigningError::NoRandomness)?;
    Ok(Secret::from(format!("{PREFIX}{}", STANDARD.encode(key))))
}

/// Signs requests with one secret.
///
/// # Source
/// Standard Webhooks 1.0.0, "Signature scheme": HMAC-SHA256 over `id.timestamp.body`, in base64 behind `v1,`.
#[derive(Clone)]
pub struct RequestSigner(hmac::Key);

impl RequestSigner {
    /// Reads a secret as [`generate_signing_secret`] writes it.
    ///
    /// # Errors
    /// [`SigningError::Malformed`].
    pub fn new(secret: &str) -> Result<Self, SigningError> {
        let key = secret
            .strip_prefix(PREFIX)
            .and_then(|key| STANDARD.decode(key).ok())
            .filter(|key| ALLOWED_KEY_BYTES.contains(&key.len()))
            .ok_or(SigningError::Malformed)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The value of `webhook-signature`. `timestamp` is in seconds since 1970.
    pub fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl fmt::Debug for RequestSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestSigner(***)")
    }
}

impl EgressRequest {
    /// Sets a JSON body and signs it: `webhook-id`, `webhook-timestamp`, `webhook-signature`. `id` names what the
    /// request is about and stays the same when it is repeated.
    pub fn signed_json(
        self,
        signer: &RequestSigner,
        id: &str,
        timestamp: i64,
        body: Vec<u8>,
    ) -> Self {
        let signature = signer.signature(id, timestamp, &body);
        self.header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", &timestamp.to_string())
            .header("webhook-signature", &signature)
            .body(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// # Source
    /// The example of the Standard Webhooks specification and of its reference libraries.
    #[test]
    fn the_published_example_has_the_published_signature() {
        let signer = RequestSigner::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signer.signature(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn made_secrets_differ_can_be_read_and_do_not_print() {
        let (one, two) = (
            generate_signing_secret().unwrap(),
            generate_signing_secret().unwrap(),
        );
        assert_ne!(one.expose(), two.expose());
        let signer = RequestSigner::new(one.expose()).unwrap();
        assert_eq!(format!("{signer:?} {one:?}"), "RequestSigner(***) ***");
    }

    #[test]
    fn secrets_of_another_form_are_refused() {
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        for secret in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_!",
            "whsec_YQ==",
            &long,
        ] {
            assert_eq!(
                RequestSigner::new(secret).unwrap_err(),
                SigningError::Malformed
            );
        }
    }
}
