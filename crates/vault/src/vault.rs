use std::sync::Arc;

use sb_config::VaultSettings;
use secrecy::zeroize::Zeroizing;

use crate::{
    Binding, OpenedSecret, SealedSecret, VaultError,
    cipher::{self, KEY_BYTES},
    keys::{self, MasterKey},
};

/// Names of the two layers inside their associated data, version of the format included.
const WRAP_LAYER: &str = "switchboard/vault/v1/data-key";
const SECRET_LAYER: &str = "switchboard/vault/v1/secret";

/// Seals and opens the secrets of the database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Vault {
    active: Arc<MasterKey>,
    retired: Arc<[MasterKey]>,
}

impl Vault {
    /// Reads the master keys; the first one seals, all of them open.
    ///
    /// # Errors
    ///
    /// When there is none or one is malformed.
    pub fn from_settings(settings: &VaultSettings) -> Result<Self, VaultError> {
        let mut keys = keys::parse(settings)?.into_iter();
        let active = keys.next().ok_or(VaultError::NoKeys)?;
        Ok(Self {
            active: Arc::new(active),
            retired: keys.collect(),
        })
    }

    /// The id of the key new secrets are sealed under.
    pub fn active_key_id(&self) -> &str {
        &self.active.id
    }

    /// Seals a secret for its place: a fresh data key encrypts it, the active master key encrypts
    /// the data key.
    ///
    /// # Errors
    ///
    /// When the operating system gives no randomness or the secret is impossibly long.
    pub fn seal(
        &self,
        binding: &Binding<'_>,
        plaintext: &[u8],
    ) -> Result<SealedSecret, VaultError> {
        let refused = |_| VaultError::Seal {
            table: binding.table.to_owned(),
            column: binding.column.to_owned(),
        };
        let data_key = cipher::random::<KEY_BYTES>().map_err(|_| VaultError::NoRandomness)?;
        let cipher_key = cipher::key(data_key.as_slice()).map_err(refused)?;
        let associated = binding.associated_data(SECRET_LAYER, "");
        let sealed = cipher::seal(&cipher_key, &associated, plaintext).map_err(refused)?;
        self.wrap(binding, data_key.as_slice(), &sealed)
    }

    /// Opens a secret in its place.
    ///
    /// # Errors
    ///
    /// [`VaultError::UnknownKey`] when its master key was removed from the settings,
    /// [`VaultError::NotAuthentic`] when it was changed or belongs elsewhere.
    pub fn open(
        &self,
        binding: &Binding<'_>,
        secret: &SealedSecret,
    ) -> Result<OpenedSecret, VaultError> {
        let data_key = self.unwrap_data_key(binding, secret)?;
        let cipher_key = cipher::key(&data_key).map_err(|_| not_authentic(binding))?;
        let associated = binding.associated_data(SECRET_LAYER, "");
        let plaintext = cipher::open(&cipher_key, &associated, secret.parts()?.sealed)
            .map_err(|_| not_authentic(binding))?;
        Ok(OpenedSecret::new(plaintext))
    }

    /// Puts a secret under the active master key; `None` when it already is. Only the data key is
    /// encrypted anew, the secret itself is not decrypted.
    ///
    /// # Errors
    ///
    /// Those of [`Vault::open`] and [`Vault::seal`].
    pub fn rewrap(
        &self,
        binding: &Binding<'_>,
        secret: &SealedSecret,
    ) -> Result<Option<SealedSecret>, VaultError> {
        let parts = secret.parts()?;
        if parts.key_id == self.active.id {
            return Ok(None);
        }
        let data_key = self.unwrap_data_key(binding, secret)?;
        self.wrap(binding, &data_key, parts.sealed).map(Some)
    }

    fn wrap(
        &self,
        binding: &Binding<'_>,
        data_key: &[u8],
        sealed: &[u8],
    ) -> Result<SealedSecret, VaultError> {
        let associated = binding.associated_data(WRAP_LAYER, &self.active.id);
        let wrapped = cipher::seal(&self.active.key, &associated, data_key).map_err(|_| {
            VaultError::Seal {
                table: binding.table.to_owned(),
                column: binding.column.to_owned(),
            }
        })?;
        SealedSecret::assemble(&self.active.id, &wrapped, sealed)
    }

    fn unwrap_data_key(
        &self,
        binding: &Binding<'_>,
        secret: &SealedSecret,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let parts = secret.parts()?;
        let mut keys = std::iter::once(&*self.active).chain(self.retired.iter());
        let master =
            keys.find(|key| key.id == parts.key_id)
                .ok_or_else(|| VaultError::UnknownKey {
                    key_id: parts.key_id.to_owned(),
                    table: binding.table.to_owned(),
                    column: binding.column.to_owned(),
                })?;
        let associated = binding.associated_data(WRAP_LAYER, &master.id);
        cipher::open(&master.key, &associated, parts.wrapped_key)
            .map_err(|_| not_authentic(binding))
    }
}

fn not_authentic(binding: &Binding<'_>) -> VaultError {
    VaultError::NotAuthentic {
        table: binding.table.to_owned(),
        column: binding.column.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sb_config::Secret;

    use super::*;
    use crate::generate_key_setting;

    const BINDING: Binding<'_> = Binding {
        table: "numbers",
        column: "access_token",
        organization_id: b"organization-one",
        row_id: b"row-one",
    };

    fn vault(keys: &str) -> Vault {
        Vault::from_settings(&VaultSettings {
            keys: Secret::from(keys),
        })
        .unwrap()
    }

    fn any_vault() -> Vault {
        vault(&generate_key_setting("k1").unwrap())
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let vault = any_vault();
        let first = vault.seal(&BINDING, b"token").unwrap();
        let second = vault.seal(&BINDING, b"token").unwrap();
        assert_ne!(first, second);
        assert!(!first.as_bytes().windows(5).any(|window| window == b"token"));
    }

    #[test]
    fn the_first_key_seals_and_all_of_them_open() {
        let (old, new) = (
            generate_key_setting("old").unwrap(),
            generate_key_setting("new").unwrap(),
        );
        let secret = vault(&old).seal(&BINDING, b"token").unwrap();
        let both = vault(&format!("{new}|{old}"));
        assert_eq!(both.active_key_id(), "new");
        assert_eq!(
            both.open(&BINDING, &secret).unwrap().expose_str().unwrap(),
            "token"
        );
        assert_eq!(both.seal(&BINDING, b"x").unwrap().key_id(), "new");
        let error = vault(&new).open(&BINDING, &secret).unwrap_err();
        assert!(matches!(error, VaultError::UnknownKey { key_id, .. } if key_id == "old"));
    }

    #[test]
    fn rewrapping_ends_the_need_for_the_old_key_and_keeps_the_secret() {
        let (old, new) = (
            generate_key_setting("old").unwrap(),
            generate_key_setting("new").unwrap(),
        );
        let secret = vault(&old).seal(&BINDING, b"token").unwrap();
        let both = vault(&format!("{new}|{old}"));
        let rewrapped = both.rewrap(&BINDING, &secret).unwrap().unwrap();
        assert_eq!(rewrapped.key_id(), "new");
        assert!(both.rewrap(&BINDING, &rewrapped).unwrap().is_none());
        assert_eq!(
            vault(&new).open(&BINDING, &rewrapped).unwrap().expose(),
            b"token"
        );
    }

    #[test]
    fn rewrapping_in_the_wrong_row_fails() {
        let (old, new) = (
            generate_key_setting("old").unwrap(),
            generate_key_setting("new").unwrap(),
        );
        let secret = vault(&old).seal(&BINDING, b"token").unwrap();
        let elsewhere = Binding {
            row_id: b"row-two",
            ..BINDING
        };
        let error = vault(&format!("{new}|{old}"))
            .rewrap(&elsewhere, &secret)
            .unwrap_err();
        assert!(matches!(error, VaultError::NotAuthentic { .. }));
    }

    #[test]
    fn another_key_with_the_same_id_does_not_open() {
        let secret = any_vault().seal(&BINDING, b"token").unwrap();
        let error = any_vault().open(&BINDING, &secret).unwrap_err();
        assert!(matches!(error, VaultError::NotAuthentic { .. }));
    }

    #[test]
    fn nothing_prints_key_or_secret() {
        let setting = generate_key_setting("k1").unwrap();
        let vault = vault(&setting);
        let secret = vault.seal(&BINDING, b"hunter2").unwrap();
        let opened = vault.open(&BINDING, &secret).unwrap();
        let text = format!("{vault:?} {secret:?} {opened:?}");
        assert!(
            !text.contains("hunter2") && !text.contains(&setting[3..]),
            "{text}"
        );
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let vault = any_vault();
        let good = vault.seal(&BINDING, b"token").unwrap();
        for position in 0..good.as_bytes().len() {
            let mut bytes = good.as_bytes().to_vec();
            bytes[position] ^= 1;
            let opened = SealedSecret::from_bytes(bytes).and_then(|bad| vault.open(&BINDING, &bad));
            assert!(opened.is_err(), "byte {position}");
        }
        for length in 0..good.as_bytes().len() {
            let cut = SealedSecret::from_bytes(&good.as_bytes()[..length]);
            assert!(
                cut.and_then(|bad| vault.open(&BINDING, &bad)).is_err(),
                "length {length}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_its_place(plaintext: Vec<u8>, table in "[a-z]{1,9}", row: [u8; 16]) {
            let vault = any_vault();
            let binding = Binding { table: &table, row_id: &row, ..BINDING };
            let sealed = vault.seal(&binding, &plaintext).unwrap();
            let stored = SealedSecret::from_bytes(sealed.into_bytes()).unwrap();
            let opened = vault.open(&binding, &stored).unwrap();
            prop_assert_eq!(opened.expose(), plaintext.as_slice());
        }

        #[test]
        fn a_secret_opens_in_no_other_place(
            table in "[a-z]{1,9}", column in "[a-z]{1,9}", organization: Vec<u8>, row: Vec<u8>,
        ) {
            let vault = any_vault();
            let sealed = vault.seal(&BINDING, b"token").unwrap();
            let elsewhere = [
                Binding { table: &table, ..BINDING },
                Binding { column: &column, ..BINDING },
                Binding { organization_id: &organization, ..BINDING },
                Binding { row_id: &row, ..BINDING },
                Binding { table: &table, column: &column, organization_id: &organization, row_id: &row },
            ];
            for binding in elsewhere.iter().filter(|binding| **binding != BINDING) {
                prop_assert!(vault.open(binding, &sealed).is_err());
            }
        }

        #[test]
        fn any_changed_byte_is_noticed(plaintext: Vec<u8>, at: proptest::sample::Index, change in 1u8..) {
            let vault = any_vault();
            let mut bytes = vault.seal(&BINDING, &plaintext).unwrap().into_bytes();
            let position = at.index(bytes.len());
            bytes[position] ^= change;
            let opened = SealedSecret::from_bytes(bytes).and_then(|bad| vault.open(&BINDING, &bad));
            prop_assert!(opened.is_err());
        }
    }
}
