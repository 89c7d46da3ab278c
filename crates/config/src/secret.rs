use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a set secret looks like wherever it is printed.
pub(crate) const MASK: &str = "***";

/// A setting whose value must never be printed.
///
/// `Debug` and `Serialize` show `***` when it is set and nothing when it is not; the memory is
/// wiped on drop. [`Secret::expose`] is the only way to the value, so `rg expose` lists every use.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl Secret {
    /// The value. Hand it straight to the one call that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether a non-empty value was given.
    pub fn is_set(&self) -> bool {
        !self.expose().is_empty()
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(SecretString::from(value))
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(SecretString::from(value))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_set() { MASK } else { "unset" })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_set() { MASK } else { "" })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = String::deserialize(deserializer)?;
        // Somebody pasted the output of `print-config` back into a settings file.
        if value == MASK {
            return Err(de::Error::custom(
                "the mask *** stands where a secret is expected",
            ));
        }
        Ok(Self::from(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_its_value() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn an_unset_secret_is_visible_as_unset() {
        let secret = Secret::default();
        assert!(!secret.is_set());
        assert_eq!(format!("{secret:?}"), "unset");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"\"");
    }

    #[test]
    fn the_mask_is_not_accepted_as_a_value() {
        assert!(serde_json::from_str::<Secret>("\"***\"").is_err());
    }
}
