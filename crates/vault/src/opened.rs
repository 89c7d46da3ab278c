use std::{fmt, str::Utf8Error};

use secrecy::zeroize::Zeroizing;

/// A plaintext out of the vault: not printable, wiped on drop.
pub struct OpenedSecret(Zeroizing<Vec<u8>>);

impl OpenedSecret {
    pub(crate) fn new(plaintext: Zeroizing<Vec<u8>>) -> Self {
        Self(plaintext)
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The text.
    ///
    /// # Errors
    ///
    /// When what was sealed was not text.
    pub fn expose_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.0)
    }
}

impl fmt::Debug for OpenedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}
