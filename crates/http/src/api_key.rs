//! The form of an API key and its hash.

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use sb_config::Secret;

const PREFIX: &str = "sb_live_";
const RANDOM_BYTES: usize = 32;
const SHOWN: usize = 6;

/// The system gave no random bytes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system has no random bytes for an API key")]
pub struct NoRandomness;

/// A whole API key, `sb_live_` and 64 hex digits. It exists at its creation and in requests, nowhere else.
pub struct ApiKeySecret(Secret);

impl ApiKeySecret {
    /// Makes a new key from 256 random bits.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = [0; RANDOM_BYTES];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| NoRandomness)?;
        Ok(Self(Secret::from(format!(
            "{PREFIX}{}",
            hex::encode(bytes)
        ))))
    }

    /// Takes a presented key; `None` when it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        let lowercase_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (digits.len() == 2 * RANDOM_BYTES && digits.bytes().all(lowercase_hex))
            .then(|| Self(Secret::from(text)))
    }

    /// The key itself, to be shown once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Its beginning, by which people tell keys apart.
    pub fn prefix(&self) -> String {
        self.expose().chars().take(PREFIX.len() + SHOWN).collect()
    }
}

impl std::fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKeySecret({}…)", self.prefix())
    }
}

/// Hashes keys under the installation's pepper, so that the database alone does not tell whether a guess is right.
///
/// HMAC and not a password hash: a key has 256 random bits, so there is nothing to slow down.
#[derive(Clone)]
pub struct KeyHasher(hmac::Key);

impl KeyHasher {
    /// A hasher for one pepper.
    pub fn new(pepper: &Secret) -> Self {
        Self(hmac::Key::new(
            hmac::HMAC_SHA256,
            pepper.expose().as_bytes(),
        ))
    }

    /// The hash that is stored.
    pub fn hash(&self, key: &ApiKeySecret) -> Vec<u8> {
        self.tag(key.expose()).as_ref().to_vec()
    }

    /// The tag of any text.
    pub(crate) fn tag(&self, text: &str) -> hmac::Tag {
        hmac::sign(&self.0, text.as_bytes())
    }

    /// Compares in constant time.
    pub(crate) fn is_tag_of(&self, tag: &hmac::Tag, text: &str) -> bool {
        hmac::verify(&self.0, text.as_bytes(), tag.as_ref()).is_ok()
    }
}

impl std::fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHasher")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_key_parses_and_does_not_print() {
        let key = ApiKeySecret::generate().unwrap();
        let again = ApiKeySecret::parse(key.expose()).unwrap();
        assert_eq!(again.expose(), key.expose());
        assert_eq!(key.prefix().len(), 14);
        assert!(!format!("{key:?}").contains(&key.expose()[14..]));
        assert_ne!(key.expose(), ApiKeySecret::generate().unwrap().expose());
    }

    #[test]
    fn another_pepper_gives_another_hash() {
        let key = ApiKeySecret::generate().unwrap();
        let (one, two) = (
            KeyHasher::new(&Secret::from("one")),
            KeyHasher::new(&Secret::from("two")),
        );
        assert_eq!(one.hash(&key), one.hash(&key));
        assert_ne!(one.hash(&key), two.hash(&key));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused_without_a_panic(text in ".*") {
            if let Some(key) = ApiKeySecret::parse(&text) {
                prop_assert_eq!(key.expose(), text);
            }
        }

        #[test]
        fn a_key_with_one_character_changed_or_missing_has_another_hash_or_none(
            at in 0_usize..72, with in any::<char>(),
        ) {
            let hasher = KeyHasher::new(&Secret::from("pepper"));
            let key = ApiKeySecret::generate().unwrap();
            let mut other: Vec<char> = key.expose().chars().collect();
            other[at] = with;
            let other: String = other.into_iter().collect();
            if other != key.expose() && let Some(parsed) = ApiKeySecret::parse(&other) {
                prop_assert_ne!(hasher.hash(&parsed), hasher.hash(&key));
            }
        }
    }
}
