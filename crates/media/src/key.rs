//! Where a file is.

use std::{fmt, str::FromStr};

use object_store::path::Path;
use sb_ids::OrganizationId;

const DIGEST_BYTES: usize = 32;

/// The place of a file: an organization and the SHA-256 of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaKey {
    organization: OrganizationId,
    sha256: [u8; DIGEST_BYTES],
}

/// A text that is not a key of the organization that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a media key of this organization")]
pub struct InvalidKey;

impl MediaKey {
    /// The place of a file with this digest.
    pub const fn new(organization: OrganizationId, sha256: [u8; DIGEST_BYTES]) -> Self {
        Self {
            organization,
            sha256,
        }
    }

    /// Reads a key that was stored before, for the organization that asks for the file.
    ///
    /// # Errors
    /// [`InvalidKey`] when it is no key, or the key of another organization.
    pub fn parse(organization: OrganizationId, key: &str) -> Result<Self, InvalidKey> {
        let key: Self = key.parse()?;
        if key.organization == organization {
            Ok(key)
        } else {
            Err(InvalidKey)
        }
    }

    /// Whose file it is.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// The SHA-256 of the bytes in lowercase hex.
    pub fn sha256_hex(&self) -> String {
        hex::encode(self.sha256)
    }

    pub(crate) const fn sha256(&self) -> &[u8] {
        &self.sha256
    }

    pub(crate) fn path(&self) -> Path {
        Path::from(self.to_string())
    }
}

/// `<organization>/<first two digits>/<sha256>`; the middle keeps folders small.
impl fmt::Display for MediaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.sha256_hex();
        let folder = name.get(..2).unwrap_or_default();
        write!(f, "{}/{folder}/{name}", self.organization)
    }
}

impl FromStr for MediaKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (organization, rest) = text.split_once('/').ok_or(InvalidKey)?;
        let (_, digest) = rest.split_once('/').ok_or(InvalidKey)?;
        let mut sha256 = [0; DIGEST_BYTES];
        hex::decode_to_slice(digest, &mut sha256).map_err(|_| InvalidKey)?;
        let organization = OrganizationId::parse(organization).map_err(|_| InvalidKey)?;
        let key = Self::new(organization, sha256);
        // One file has one key: other spellings (case, folder, further parts) are none.
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(InvalidKey)
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn organization(second: i64) -> OrganizationId {
        OrganizationId::new(DateTime::from_timestamp(second, 0).unwrap())
    }

    #[test]
    fn a_key_reads_back_for_its_organization_only() {
        let (ours, theirs) = (organization(1), organization(2));
        let key = MediaKey::new(ours, [0xab; 32]);
        let text = key.to_string();
        assert_eq!(text, format!("{ours}/ab/{}", "ab".repeat(32)));
        assert_eq!(MediaKey::parse(ours, &text), Ok(key));
        assert_eq!(MediaKey::parse(theirs, &text), Err(InvalidKey));
    }

    #[test]
    fn paths_out_of_the_organization_are_no_keys() {
        let ours = organization(1);
        let digest = "ab".repeat(32);
        for key in [
            format!("{ours}/../{digest}"),
            format!("../{ours}/ab/{digest}"),
            format!("{ours}/ab/{digest}/.."),
            format!("{ours}/ab/{}", digest.to_uppercase()),
            format!("{ours}/cd/{digest}"),
            format!("/{ours}/ab/{digest}"),
            format!("{ours}/ab/{digest}\0"),
            String::new(),
        ] {
            assert_eq!(MediaKey::parse(ours, &key), Err(InvalidKey), "{key:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_key_of_another_place(text in "[0-9a-f/.-]{0,120}") {
            let ours = organization(1);
            if let Ok(key) = MediaKey::parse(ours, &text) {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }
}
