use std::fmt;

use crate::{
    VaultError,
    cipher::{KEY_BYTES, NONCE_BYTES, TAG_BYTES},
    keys::MAX_KEY_ID_BYTES,
};

/// First byte of every sealed secret.
const VERSION: u8 = 1;

/// `nonce ‖ encrypted data key ‖ tag`.
const WRAPPED_KEY_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// A secret as it is stored, in a `bytea` column. Its bytes, version 1:
///
/// | part | bytes |
/// | --- | --- |
/// | version, always 1 | 1 |
/// | length `n` of the key id, 1 to 32 | 1 |
/// | id of the master key, ASCII | n |
/// | data key wrapped by the master key: nonce, ciphertext, tag | 12 + 32 + 16 |
/// | secret sealed by the data key: nonce, ciphertext, tag | 12 + length of the secret + 16 |
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(Vec<u8>);

/// The parts of a sealed secret.
pub(crate) struct Parts<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) wrapped_key: &'a [u8],
    pub(crate) sealed: &'a [u8],
}

impl SealedSecret {
    /// Takes stored bytes and checks their outer form; whether they are authentic shows when they
    /// are opened.
    ///
    /// # Errors
    ///
    /// [`VaultError::MalformedSecret`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, VaultError> {
        let secret = Self(bytes.into());
        secret.parts()?;
        Ok(secret)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to store, by value.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The id of the master key it is under.
    pub fn key_id(&self) -> &str {
        self.parts().map_or("", |parts| parts.key_id)
    }

    pub(crate) fn assemble(
        key_id: &str,
        wrapped_key: &[u8],
        sealed: &[u8],
    ) -> Result<Self, VaultError> {
        let length = u8::try_from(key_id.len()).map_err(|_| VaultError::MalformedKeyId {
            key_id: key_id.to_owned(),
        })?;
        let mut bytes = vec![VERSION, length];
        bytes.extend_from_slice(key_id.as_bytes());
        bytes.extend_from_slice(wrapped_key);
        bytes.extend_from_slice(sealed);
        Ok(Self(bytes))
    }

    pub(crate) fn parts(&self) -> Result<Parts<'_>, VaultError> {
        let malformed = |problem| VaultError::MalformedSecret { problem };
        let [version, length, rest @ ..] = self.0.as_slice() else {
            return Err(malformed("it is too short"));
        };
        if *version != VERSION {
            return Err(malformed("its version is unknown"));
        }
        let length = usize::from(*length);
        if !(1..=MAX_KEY_ID_BYTES).contains(&length) {
            return Err(malformed("the length of its key id is impossible"));
        }
        let too_short = || malformed("it is too short");
        let (key_id, rest) = rest.split_at_checked(length).ok_or_else(too_short)?;
        let (wrapped_key, sealed) = rest
            .split_at_checked(WRAPPED_KEY_BYTES)
            .ok_or_else(too_short)?;
        if sealed.len() < NONCE_BYTES + TAG_BYTES {
            return Err(too_short());
        }
        let key_id =
            std::str::from_utf8(key_id).map_err(|_| malformed("its key id is not text"))?;
        Ok(Parts {
            key_id,
            wrapped_key,
            sealed,
        })
    }
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "SealedSecret(key {:?}, {} bytes)",
            self.key_id(),
            self.0.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_stored_form_is_the_documented_one() {
        let secret = SealedSecret::assemble("k1", &[7; 60], &[9; 30]).unwrap();
        let bytes = secret.as_bytes();
        assert_eq!(bytes.len(), 1 + 1 + 2 + 60 + 30);
        assert_eq!(&bytes[..4], &[1, 2, b'k', b'1']);
        assert_eq!(SealedSecret::from_bytes(bytes).unwrap().key_id(), "k1");
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused_without_a_panic(bytes: Vec<u8>) {
            if let Ok(secret) = SealedSecret::from_bytes(bytes) {
                prop_assert!(!secret.key_id().is_empty());
            }
        }
    }
}
