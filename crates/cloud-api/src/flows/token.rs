//! `flow_token_signature`: proof that the flow token is the one of the message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::signature::SignatureKeys;

/// Why a flow token is not what it claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FlowTokenError {
    /// The signature is no JWT signed with HS256.
    #[error("flow_token_signature is not a JWT signed with HS256")]
    Malformed,
    /// No secret of the app signed it.
    #[error("flow_token_signature does not match any secret of the app")]
    Mismatch,
    /// It is signed, for another token.
    #[error("flow_token_signature was made for another flow token")]
    OtherToken,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

impl SignatureKeys {
    /// Checks that `app` signed this flow token.
    ///
    /// Meta says that the payload contains the token and not under which name, so any claim that is the token counts.
    ///
    /// # Errors
    /// [`FlowTokenError`].
    ///
    /// # Source
    /// Meta, "Implementing Endpoint for Flows", "Flow token signature" (Flow JSON 7.3, data API 4.0); RFC 7515.
    pub fn verify_flow_token(
        &self,
        app: &str,
        signature: &str,
        flow_token: &str,
    ) -> Result<(), FlowTokenError> {
        let malformed = || FlowTokenError::Malformed;
        let (signed, tag) = signature.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
        // The algorithm is ours to choose, or a token without any signature would do.
        if header.alg != "HS256" {
            return Err(malformed());
        }
        let tag = decode(tag)?;
        let is_signed = |key: &hmac::Key| hmac::verify(key, signed.as_bytes(), &tag).is_ok();
        if !self.keys_of(app).any(is_signed) {
            return Err(FlowTokenError::Mismatch);
        }
        let claims: Map<String, Value> =
            serde_json::from_slice(&decode(claims)?).map_err(|_| malformed())?;
        if claims.values().any(|claim| claim == flow_token) {
            Ok(())
        } else {
            Err(FlowTokenError::OtherToken)
        }
    }
}

fn decode(part: &str) -> Result<Vec<u8>, FlowTokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| FlowTokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sb_config::Secret;
    use sb_ids::MetaAppId;

    use super::*;

    /// RFC 7515, appendix A.1 has its own key; this one was made with Python's `hmac` for the secret `secret`.
    const SIGNED: &str = include_str!("../../testdata/flows/token.jwt");

    fn keys() -> SignatureKeys {
        let app = |id: &str| MetaAppId::parse(id).unwrap();
        SignatureKeys::new([
            (app("1"), Secret::from("other")),
            (app("2"), Secret::from("old")),
            (app("2"), Secret::from("secret")),
        ])
    }

    fn verify(app: &str, signature: &str, token: &str) -> Result<(), FlowTokenError> {
        keys().verify_flow_token(app, signature, token)
    }

    #[test]
    fn the_apps_own_signature_over_the_token_counts() {
        let signed = SIGNED.trim();
        assert_eq!(verify("2", signed, "token-1"), Ok(()));
        assert_eq!(
            verify("1", signed, "token-1"),
            Err(FlowTokenError::Mismatch)
        );
        assert_eq!(
            verify("9", signed, "token-1"),
            Err(FlowTokenError::Mismatch)
        );
        assert_eq!(
            verify("2", signed, "token-2"),
            Err(FlowTokenError::OtherToken)
        );
    }

    #[test]
    fn a_token_that_asks_for_no_signature_is_refused() {
        let none = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            URL_SAFE_NO_PAD.encode(r#"{"flow_token":"token-1"}"#)
        );
        assert_eq!(
            verify("2", &none, "token-1"),
            Err(FlowTokenError::Malformed)
        );
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_refused_without_a_panic(signature in ".{0,200}", token in ".{0,50}") {
            prop_assert!(verify("2", &signature, &token).is_err());
        }

        #[test]
        fn a_changed_character_is_noticed(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
            let signed = SIGNED.trim();
            let mut changed: Vec<char> = signed.chars().collect();
            let at = at.index(changed.len());
            let to = to.chars().next().unwrap();
            prop_assume!(changed[at] != to);
            changed[at] = to;
            let changed: String = changed.into_iter().collect();
            prop_assert!(verify("2", &changed, "token-1").is_err());
        }
    }
}
