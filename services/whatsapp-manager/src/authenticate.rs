//! Only who knows the installation's internal key may call: the tenants' callers were told apart by the gateway.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, ResponseError as _};
use ring::hmac;
use sb_config::Secret;
use sb_http::{Code, Problem};

/// Shorter ones could be guessed.
const SHORTEST: usize = 16;
/// Anything longer is no credential.
const LONGEST: usize = 512;

/// The key that callers present, in a form that does not give it away.
pub(crate) struct InternalKey {
    key: hmac::Key,
    tag: hmac::Tag,
}

/// The key could be guessed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("manager.internal_key must have at least {SHORTEST} characters")]
pub(crate) struct WeakInternalKey;

impl InternalKey {
    /// Takes the configured key.
    ///
    /// # Errors
    /// [`WeakInternalKey`].
    pub(crate) fn new(secret: &Secret) -> Result<Self, WeakInternalKey> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < SHORTEST {
            return Err(WeakInternalKey);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let tag = hmac::sign(&key, bytes);
        Ok(Self { key, tag })
    }

    /// Compares in a time that does not depend on where the texts differ.
    fn is(&self, presented: &str) -> bool {
        presented.len() <= LONGEST
            && hmac::verify(&self.key, presented.as_bytes(), self.tag.as_ref()).is_ok()
    }
}

impl std::fmt::Debug for InternalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InternalKey")
    }
}

/// Middleware for `actix_web::middleware::from_fn`. Takes the [`InternalKey`] from the app data.
///
/// # Errors
/// Those of the inner services; a missing or wrong key is an answer.
#[expect(
    clippy::future_not_send,
    reason = "actix handles a request on one thread"
)]
pub(crate) async fn authenticate<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let key = request.app_data::<Data<InternalKey>>();
    let refused = match (key, bearer(request.headers())) {
        (Some(key), Some(presented)) if key.is(presented) => None,
        (Some(_), Some(_)) => Some(Code::AuthInvalid),
        (_, _) => Some(Code::AuthMissing),
    };
    let Some(code) = refused else {
        let response = next.call(request).await?;
        return Ok(response.map_into_left_body());
    };
    let problem = Problem::new(code).header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Ok(request
        .into_response(problem.error_response())
        .map_into_right_body())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_is_the_key() {
        let key = InternalKey::new(&Secret::from("0123456789abcdef")).unwrap();
        assert!(key.is("0123456789abcdef"));
        for other in [
            "",
            "0123456789abcde",
            "0123456789abcdeF",
            "0123456789abcdef0",
        ] {
            assert!(!key.is(other), "{other}");
        }
    }

    #[test]
    fn a_key_that_could_be_guessed_is_refused() {
        assert!(InternalKey::new(&Secret::from("short")).is_err());
        assert!(InternalKey::new(&Secret::default()).is_err());
    }
}
