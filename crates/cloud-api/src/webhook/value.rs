//! The value of the field `messages`.

use std::borrow::Cow;

use sb_ids::{Bsuid, PhoneNumberId, WaId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Malformed, Problem, scalar};

/// Messages, statuses and contacts of one business number, each still as received: parse them one
/// by one with [`super::InboundMessage::parse`], [`super::StatusUpdate::parse`] and
/// [`ContactProfile::parse`], so that a bad one fails alone.
#[derive(Debug)]
pub struct MessagesValue<'a> {
    /// Which number it is about.
    pub metadata: Metadata,
    /// People who occur in messages and statuses.
    pub contacts: Vec<&'a RawValue>,
    /// Incoming messages.
    pub messages: Vec<&'a RawValue>,
    /// Reports about outgoing messages.
    pub statuses: Vec<&'a RawValue>,
    /// Problems of the number or account that belong to no message.
    pub errors: Vec<&'a RawValue>,
    /// Clicks on links of marketing messages.
    pub user_actions: Vec<&'a RawValue>,
}

/// The business number an update is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The number in digits.
    pub display_phone_number: String,
    /// Meta's id of the number.
    pub phone_number_id: PhoneNumberId,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    metadata: Option<WireMetadata<'a>>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    contacts: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    messages: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    statuses: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    errors: Vec<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    user_actions: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct WireMetadata<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    display_phone_number: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    phone_number_id: Cow<'a, str>,
}

impl WireMetadata<'_> {
    pub(super) fn read(self, what: &'static str) -> Result<Metadata, Malformed> {
        let phone_number_id = PhoneNumberId::parse(self.phone_number_id)
            .map_err(|_| Malformed::field(what, Problem::Invalid, "metadata.phone_number_id"))?;
        Ok(Metadata {
            display_phone_number: self.display_phone_number.into_owned(),
            phone_number_id,
        })
    }
}

impl<'a> MessagesValue<'a> {
    /// Reads a change's value.
    ///
    /// # Errors
    /// [`Malformed`] when it is not an object with `metadata` and lists.
    pub fn parse(raw: &'a RawValue) -> Result<Self, Malformed> {
        let wire: Wire<'a> = serde_json::from_str(raw.get())
            .map_err(|error| Malformed::json("messages value", &error))?;
        let metadata = wire
            .metadata
            .ok_or_else(|| Malformed::field("messages value", Problem::Missing, "metadata"))?;
        Ok(Self {
            metadata: metadata.read("messages value")?,
            contacts: wire.contacts,
            messages: wire.messages,
            statuses: wire.statuses,
            errors: wire.errors,
            user_actions: wire.user_actions,
        })
    }
}

/// A person as Meta shows them: names are what the person chose. Personal: never logged.
///
/// # Source
/// Meta, "Business-scoped user IDs", 2026: `wa_id` is absent for most people who use a username.
#[derive(Clone, PartialEq, Eq)]
pub struct ContactProfile {
    /// Phone number in digits.
    pub wa_id: Option<WaId>,
    /// Business-scoped user id.
    pub user_id: Option<Bsuid>,
    /// The id across an enrolled portfolio.
    pub parent_user_id: Option<Bsuid>,
    /// Display name.
    pub name: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// Changes when the person registers anew; only for numbers that opted in.
    pub identity_key_hash: Option<String>,
}

impl std::fmt::Debug for ContactProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContactProfile")
            .field("wa_id", &self.wa_id)
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct WireContact<'a> {
    #[serde(borrow)]
    profile: Option<WireProfile<'a>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    wa_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    parent_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    identity_key_hash: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct WireProfile<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    username: Option<Cow<'a, str>>,
}

impl ContactProfile {
    /// Reads one item of `contacts`.
    ///
    /// # Errors
    /// [`Malformed`] when it is no contact, or one without any usable id.
    pub fn parse(raw: &RawValue) -> Result<Self, Malformed> {
        let wire: WireContact<'_> =
            serde_json::from_str(raw.get()).map_err(|error| Malformed::json("contact", &error))?;
        let profile = wire.profile.unwrap_or_default();
        let contact = Self {
            wa_id: scalar::wa_id(wire.wa_id.as_deref()),
            user_id: scalar::bsuid(wire.user_id.as_deref()),
            parent_user_id: scalar::bsuid(wire.parent_user_id.as_deref()),
            name: filled(profile.name),
            username: filled(profile.username),
            identity_key_hash: filled(wire.identity_key_hash),
        };
        if contact.wa_id.is_none() && contact.user_id.is_none() {
            return Err(Malformed::field(
                "contact",
                Problem::Missing,
                "wa_id or user_id",
            ));
        }
        Ok(contact)
    }

    /// Whether the profile is that of the person with one of these ids.
    pub fn is_of(&self, wa_id: Option<&WaId>, user_id: Option<&Bsuid>) -> bool {
        let same_phone = wa_id.is_some() && self.wa_id.as_ref() == wa_id;
        let same_user = user_id.is_some() && self.user_id.as_ref() == user_id;
        same_phone || same_user
    }
}

fn filled(text: Option<Cow<'_, str>>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn null_lists_are_empty_lists() {
        let json = raw(r#"{"metadata":{"phone_number_id":106},"messages":null,"statuses":[{}]}"#);
        let value = MessagesValue::parse(&json).unwrap();
        assert_eq!(value.metadata.phone_number_id.as_str(), "106");
        assert!(value.messages.is_empty());
        assert_eq!(value.statuses.len(), 1);
    }

    #[test]
    fn a_value_without_its_number_is_refused_by_name() {
        let error = MessagesValue::parse(&raw(r#"{"messages":[]}"#)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read messages value: a missing field at metadata"
        );
    }

    #[test]
    fn a_contact_with_a_username_has_no_phone_number() {
        let json = raw(r#"{"profile":{"username":"ada","name":"Ada"},"user_id":"US.1349"}"#);
        let contact = ContactProfile::parse(&json).unwrap();
        assert_eq!(contact.wa_id, None);
        assert_eq!(contact.name.as_deref(), Some("Ada"));
        assert!(contact.is_of(None, contact.user_id.clone().as_ref()));
        assert!(!contact.is_of(None, None));
        assert!(!format!("{contact:?}").contains("Ada"));
    }

    #[test]
    fn a_contact_without_an_id_is_nobody() {
        assert!(ContactProfile::parse(&raw(r#"{"profile":{"name":"Ada"}}"#)).is_err());
    }
}
