//! Ids given by Meta: opaque strings with a known alphabet.

use serde::{Deserialize, Serialize};

/// A text that is not an id of the wanted kind. The text itself is not repeated: it may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}")]
pub struct InvalidId {
    /// The kind of id that was expected.
    pub kind: &'static str,
}

fn digits(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && text.bytes().all(|b| b.is_ascii_digit())
}

fn printable(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && text.bytes().all(|b| b.is_ascii_graphic())
}

/// `<ISO2>.<1 to 128 letters, digits or dots>`.
fn bsuid(text: &str) -> bool {
    let Some((country, rest)) = text.split_once('.') else {
        return false;
    };
    country.len() == 2
        && country.bytes().all(|b| b.is_ascii_uppercase())
        && !rest.is_empty()
        && rest.len() <= 132
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

macro_rules! meta_id {
    ($($(#[$doc:meta])* $name:ident: $valid:expr),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the alphabet and the length.
            ///
            /// # Errors
            /// [`InvalidId`] when the text cannot be such an id.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidId { kind: stringify!($name) })
                }
            }

            /// The id as Meta writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }
    )+};
}

meta_id! {
    /// Meta's id of a message, `wamid.…` (voicemail: a call id, `wacid.…`).
    Wamid: |t| printable(t, 512),
    /// Meta's id of a business phone number.
    PhoneNumberId: |t| digits(t, 32),
    /// Meta's id of a WhatsApp Business Account.
    WabaId: |t| digits(t, 32),
    /// Meta's id of an app.
    MetaAppId: |t| digits(t, 32),
    /// A person's WhatsApp id: a phone number in digits without `+`. Personal: never logged.
    WaId: |t| digits(t, 20),
    /// Meta's id of a group.
    GroupId: |t| printable(t, 256),
    /// A business-scoped user id, `US.13491208655302741918`.
    Bsuid: bsuid,
}

macro_rules! plain_display {
    ($($name:ident),+) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )+};
}

plain_display!(Wamid, PhoneNumberId, WabaId, MetaAppId, GroupId);

macro_rules! hidden_debug {
    ($($name:ident),+) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}(…{})", stringify!($name), self.0.len())
            }
        }
    )+};
}

hidden_debug!(WaId, Bsuid);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_ids_accept_what_meta_sends() {
        assert!(Wamid::parse("wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI3N0U2Q0Y=").is_ok());
        assert!(PhoneNumberId::parse("106540352242922").is_ok());
        assert!(Bsuid::parse("US.13491208655302741918").is_ok());
        assert!(Bsuid::parse("US.ENT.506847293015824").is_ok());
    }

    #[test]
    fn meta_ids_refuse_what_could_break_a_subject_or_a_path() {
        assert!(PhoneNumberId::parse("1/2").is_err());
        assert!(PhoneNumberId::parse("").is_err());
        assert!(Wamid::parse("a b").is_err());
        assert!(Bsuid::parse("us.1").is_err());
        assert!(WaId::parse("+4917").is_err());
    }

    #[test]
    fn personal_ids_do_not_print() {
        let id = WaId::parse("491701234567").unwrap();
        assert!(!format!("{id:?}").contains("491701234567"));
    }
}
