//! Meta's verification handshake.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::problem;
use crate::receive::Receiver;

/// What Meta asks.
#[derive(Debug, Deserialize)]
pub(crate) struct Handshake {
    #[serde(rename = "hub.mode", default)]
    mode: String,
    #[serde(rename = "hub.challenge", default)]
    challenge: String,
    #[serde(rename = "hub.verify_token", default)]
    verify_token: String,
}

/// Repeats the challenge to whoever knows the verify token.
///
/// # Source
/// Meta, "Create a webhook endpoint", 2026: 200 with the raw challenge as the body.
pub(crate) async fn handle(
    receiver: web::Data<Receiver>,
    query: web::Query<Handshake>,
) -> HttpResponse {
    if query.mode != "subscribe" || query.challenge.is_empty() {
        return problem(
            StatusCode::BAD_REQUEST,
            "webhook.handshake_malformed",
            "hub.mode must be `subscribe` and hub.challenge must be given",
        );
    }
    let expected = receiver.verify_token.expose().as_bytes();
    if !same(expected, query.verify_token.as_bytes()) {
        return problem(
            StatusCode::FORBIDDEN,
            "webhook.verify_token_wrong",
            "hub.verify_token is not the configured WHATSAPP_VERIFY_TOKEN",
        );
    }
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(query.challenge.clone())
}

/// Compares in a time that does not depend on where the texts differ: through an HMAC under a key nobody
/// knows.
fn same(left: &[u8], right: &[u8]) -> bool {
    let Ok(key) =
        ring::hmac::Key::generate(ring::hmac::HMAC_SHA256, &ring::rand::SystemRandom::new())
    else {
        return false;
    };
    let tag = ring::hmac::sign(&key, left);
    ring::hmac::verify(&key, right, tag.as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_same_only_when_equal() {
        assert!(same(b"token", b"token"));
        assert!(!same(b"token", b"token2"));
        assert!(!same(b"token", b""));
    }
}
