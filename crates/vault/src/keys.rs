use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::aead::LessSafeKey;
use sb_config::VaultSettings;
use secrecy::zeroize::Zeroizing;

use crate::{VaultError, cipher};

/// Longest key id.
pub(crate) const MAX_KEY_ID_BYTES: usize = 32;

/// A master key: wraps data keys, never touches a secret itself.
pub(crate) struct MasterKey {
    pub(crate) id: String,
    pub(crate) key: LessSafeKey,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKey({})", self.id)
    }
}

/// Makes an entry for `vault.keys` with a fresh key: `kid:base64-of-32-bytes`.
///
/// # Errors
///
/// When the id cannot be used or the operating system gives no randomness.
pub fn generate_key_setting(key_id: &str) -> Result<String, VaultError> {
    check_key_id(key_id)?;
    let key = cipher::random::<{ cipher::KEY_BYTES }>().map_err(|_| VaultError::NoRandomness)?;
    Ok(format!("{key_id}:{}", STANDARD.encode(key.as_slice())))
}

/// The master keys in the order of the setting; at least one.
pub(crate) fn parse(settings: &VaultSettings) -> Result<Vec<MasterKey>, VaultError> {
    if !settings.keys.is_set() {
        return Err(VaultError::NoKeys);
    }
    let mut keys: Vec<MasterKey> = Vec::new();
    for (position, entry) in (1..).zip(settings.keys.expose().split('|')) {
        let malformed = |problem| VaultError::MalformedKey { position, problem };
        let (id, encoded) = entry
            .trim()
            .split_once(':')
            .ok_or_else(|| malformed("it is not kid:base64"))?;
        check_key_id(id)?;
        if keys.iter().any(|key| key.id == id) {
            return Err(malformed("its key id is taken"));
        }
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| malformed("the key is not base64"))?;
        let bytes = Zeroizing::new(bytes);
        let key = cipher::key(&bytes).map_err(|_| malformed("the key does not have 32 bytes"))?;
        keys.push(MasterKey {
            id: id.to_owned(),
            key,
        });
    }
    Ok(keys)
}

fn check_key_id(key_id: &str) -> Result<(), VaultError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=MAX_KEY_ID_BYTES).contains(&key_id.len()) && key_id.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(VaultError::MalformedKeyId {
        key_id: key_id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use sb_config::Secret;

    use super::*;

    fn parse_keys(keys: &str) -> Result<Vec<MasterKey>, VaultError> {
        parse(&VaultSettings {
            keys: Secret::from(keys),
        })
    }

    #[test]
    fn generated_keys_can_be_read_back() {
        let setting = format!(
            "{}|{}",
            generate_key_setting("2026-11").unwrap(),
            generate_key_setting("2025-01").unwrap()
        );
        let ids: Vec<String> = parse_keys(&setting)
            .unwrap()
            .into_iter()
            .map(|key| key.id)
            .collect();
        assert_eq!(ids, ["2026-11", "2025-01"]);
    }

    #[test]
    fn malformed_keys_are_refused_and_not_quoted() {
        let good = generate_key_setting("k").unwrap();
        assert!(matches!(parse_keys(""), Err(VaultError::NoKeys)));
        for keys in [
            "hunter2".to_owned(),
            "k:hunter2".to_owned(),
            "k:aHVudGVyMg==".to_owned(),
            format!("{good}|{good}"),
            format!("{good}|"),
        ] {
            let error = parse_keys(&keys).unwrap_err();
            assert!(
                matches!(error, VaultError::MalformedKey { .. }),
                "{error:?}"
            );
            assert!(
                !format!("{error} {error:?}").contains("hunter2"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn key_ids_are_short_and_plain() {
        for key_id in ["", "a b", "a|b", "a:b", &"k".repeat(33)] {
            let error = generate_key_setting(key_id);
            assert!(
                matches!(error, Err(VaultError::MalformedKeyId { .. })),
                "{key_id:?}"
            );
        }
    }
}
