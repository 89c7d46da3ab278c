//! `X-Hub-Signature-256`: who sent a webhook, proven before a byte of it is parsed.

use std::fmt;

use ring::hmac;
use sb_config::Secret;
use sb_ids::MetaAppId;

const SCHEME: &str = "sha256=";
const DIGEST_BYTES: usize = 32;

/// Name of the header, in the lower case that HTTP libraries use.
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// Why a webhook was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is absent.
    #[error("webhook carries no X-Hub-Signature-256 header")]
    Missing,
    /// The header is not `sha256=` and 64 hexadecimal digits.
    #[error("X-Hub-Signature-256 is not sha256= followed by 64 hexadecimal digits")]
    Malformed,
    /// No secret of the apps in question made this signature for this body.
    #[error("webhook signature does not match any secret of the app")]
    Mismatch,
    /// The address names an app that is not configured.
    #[error("webhook address names an app that is not configured")]
    UnknownApp,
}

/// The keys of our Meta apps, prepared once.
///
/// An app may appear several times: while its secret is being rotated both secrets count, since
/// Meta documents no moment at which the signatures change over.
///
/// # Source
/// Meta, "Create a webhook endpoint": HMAC-SHA256 with the app secret over the raw body, in
/// lowercase hex. Meta escapes non-ASCII characters before it signs, so the bytes must be taken
/// as received; see [`crate::escape`].
#[derive(Clone)]
pub struct SignatureKeys {
    apps: Vec<(MetaAppId, hmac::Key)>,
}

impl SignatureKeys {
    /// Prepares the keys of `apps`; with none, nothing verifies.
    pub fn new(apps: impl IntoIterator<Item = (MetaAppId, Secret)>) -> Self {
        let apps = apps
            .into_iter()
            .map(|(app, secret)| (app, key(&secret)))
            .collect();
        Self { apps }
    }

    /// Finds the app that signed `body`. Constant time in the signature, no allocation.
    ///
    /// # Errors
    /// [`SignatureError`] unless one app's secret made the signature in `header`.
    pub fn verify(&self, header: Option<&str>, body: &[u8]) -> Result<&MetaAppId, SignatureError> {
        let digest = parse_header(header)?;
        self.apps
            .iter()
            .find(|(_, key)| hmac::verify(key, body, &digest).is_ok())
            .map(|(app, _)| app)
            .ok_or(SignatureError::Mismatch)
    }

    /// Checks that `app`, which the address named, signed `body`.
    ///
    /// # Errors
    /// [`SignatureError::UnknownApp`] when the app is not ours, otherwise as [`Self::verify`].
    pub fn verify_for(
        &self,
        app: &str,
        header: Option<&str>,
        body: &[u8],
    ) -> Result<&MetaAppId, SignatureError> {
        let digest = parse_header(header)?;
        let mut refusal = SignatureError::UnknownApp;
        for (known, key) in self.apps.iter().filter(|(known, _)| known.as_str() == app) {
            if hmac::verify(key, body, &digest).is_ok() {
                return Ok(known);
            }
            refusal = SignatureError::Mismatch;
        }
        Err(refusal)
    }

    /// The keys of one app; several while its secret is being rotated.
    pub(crate) fn keys_of(&self, app: &str) -> impl Iterator<Item = &hmac::Key> {
        let apps = self.apps.iter();
        apps.filter(move |(known, _)| known.as_str() == app)
            .map(|(_, key)| key)
    }

    /// The configured apps.
    pub fn app_ids(&self) -> impl Iterator<Item = &MetaAppId> {
        self.apps.iter().map(|(app, _)| app)
    }
}

impl fmt::Debug for SignatureKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.app_ids()).finish()
    }
}

/// Signs bodies as Meta does: for the simulator, the benchmarks and tests.
#[derive(Clone)]
pub struct Signer(hmac::Key);

impl Signer {
    /// Prepares the key of an app secret.
    pub fn new(secret: &Secret) -> Self {
        Self(key(secret))
    }

    /// The value of the signature header for `body`.
    pub fn header(&self, body: &[u8]) -> String {
        let digest = hmac::sign(&self.0, body);
        let mut header = String::with_capacity(SCHEME.len() + DIGEST_BYTES * 2);
        header.push_str(SCHEME);
        header.push_str(&hex::encode(digest.as_ref()));
        header
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(***)")
    }
}

fn key(secret: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes())
}

fn parse_header(header: Option<&str>) -> Result<[u8; DIGEST_BYTES], SignatureError> {
    let digits = header
        .ok_or(SignatureError::Missing)?
        .trim()
        .strip_prefix(SCHEME)
        .ok_or(SignatureError::Malformed)?;
    let mut digest = [0; DIGEST_BYTES];
    hex::decode_to_slice(digits, &mut digest).map_err(|_| SignatureError::Malformed)?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app(id: &str) -> MetaAppId {
        MetaAppId::parse(id).unwrap()
    }

    fn keys(apps: &[(&str, &str)]) -> SignatureKeys {
        SignatureKeys::new(
            apps.iter()
                .map(|(id, secret)| (app(id), Secret::from(*secret))),
        )
    }

    /// RFC 4231, test case 2.
    const JEFE: &str = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    const JEFE_BODY: &[u8] = b"what do ya want for nothing?";

    #[test]
    fn the_answer_of_rfc_4231_verifies_and_is_what_the_signer_makes() {
        assert_eq!(
            keys(&[("1", "Jefe")]).verify(Some(JEFE), JEFE_BODY),
            Ok(&app("1"))
        );
        assert_eq!(Signer::new(&Secret::from("Jefe")).header(JEFE_BODY), JEFE);
    }

    #[test]
    fn the_app_whose_secret_signed_is_found_among_several() {
        let keys = keys(&[("1", "other"), ("2", "Jefe"), ("3", "third")]);
        assert_eq!(keys.verify(Some(JEFE), JEFE_BODY), Ok(&app("2")));
        assert_eq!(keys.verify_for("2", Some(JEFE), JEFE_BODY), Ok(&app("2")));
        assert_eq!(
            keys.verify_for("1", Some(JEFE), JEFE_BODY),
            Err(SignatureError::Mismatch)
        );
        assert_eq!(
            keys.verify_for("9", Some(JEFE), JEFE_BODY),
            Err(SignatureError::UnknownApp)
        );
    }

    #[test]
    fn both_secrets_count_while_one_is_rotated() {
        let keys = keys(&[("1", "new"), ("1", "Jefe")]);
        assert_eq!(keys.verify_for("1", Some(JEFE), JEFE_BODY), Ok(&app("1")));
    }

    #[test]
    fn without_apps_nothing_verifies() {
        assert_eq!(
            keys(&[]).verify(Some(JEFE), JEFE_BODY),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn headers_of_another_form_are_refused() {
        let keys = keys(&[("1", "Jefe")]);
        assert_eq!(keys.verify(None, b""), Err(SignatureError::Missing));
        let long = format!("{JEFE}00");
        for header in ["", "sha1=00", "sha256=", "sha256=xyz", &JEFE[..70], &long] {
            assert_eq!(
                keys.verify(Some(header), JEFE_BODY),
                Err(SignatureError::Malformed),
                "{header}"
            );
        }
    }

    #[test]
    fn keys_do_not_print_their_secrets() {
        assert!(!format!("{:?}", keys(&[("1", "Jefe")])).contains("Jefe"));
    }

    proptest! {
        #[test]
        fn a_signed_body_verifies_and_any_changed_byte_does_not(
            secret in "[ -~]{1,64}",
            mut body in proptest::collection::vec(any::<u8>(), 1..512),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..=255,
        ) {
            let header = Signer::new(&Secret::from(secret.as_str())).header(&body);
            let keys = keys(&[("1", &secret)]);
            prop_assert!(keys.verify(Some(&header), &body).is_ok());
            let at = at.index(body.len());
            body[at] ^= flip;
            prop_assert_eq!(keys.verify(Some(&header), &body), Err(SignatureError::Mismatch));
        }

        #[test]
        fn no_header_makes_the_check_panic(header in ".{0,200}", body in ".{0,100}") {
            prop_assert!(keys(&[("1", "s")]).verify(Some(&header), body.as_bytes()).is_err());
        }
    }
}
