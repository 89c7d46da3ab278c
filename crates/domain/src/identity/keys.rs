//! Kinds of ids, and what two spellings of one have in common.

use std::borrow::Cow;

/// Kinds of identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityKind {
    /// A WhatsApp id: a phone number in digits.
    Phone,
    /// A business-scoped user id.
    Bsuid,
    /// A user id across an enrolled portfolio.
    ParentBsuid,
    /// What the person calls itself, for others to find it.
    Username,
    /// A group's id: a group is a contact too.
    Group,
}

impl IdentityKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Phone,
        Self::Bsuid,
        Self::ParentBsuid,
        Self::Username,
        Self::Group,
    ];

    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Bsuid => "bsuid",
            Self::ParentBsuid => "parent_bsuid",
            Self::Username => "username",
            Self::Group => "group",
        }
    }

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether it is one person's for ever.
    pub(super) const fn is_lasting(self) -> bool {
        match self {
            Self::Bsuid | Self::ParentBsuid | Self::Group => true,
            Self::Phone | Self::Username => false,
        }
    }
}

/// The ids under which an update shows somebody. Personal.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ids {
    /// Phone number in digits, as Meta writes it.
    pub phone: Option<String>,
    /// Business-scoped user id.
    pub bsuid: Option<String>,
    /// User id across an enrolled portfolio.
    pub parent_bsuid: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// A group's id; a group has no other.
    pub group: Option<String>,
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|(kind, _)| kind))
            .finish()
    }
}

impl Ids {
    /// A phone number and nothing else.
    pub fn of_phone(wa_id: impl Into<String>) -> Self {
        Self {
            phone: Some(wa_id.into()),
            ..Self::default()
        }
    }

    /// The ids that are there.
    pub fn iter(&self) -> impl Iterator<Item = (IdentityKind, &str)> {
        IdentityKind::ALL
            .into_iter()
            .filter_map(|kind| Some((kind, self.get(kind)?)))
    }

    /// The id of a kind.
    pub fn get(&self, kind: IdentityKind) -> Option<&str> {
        match kind {
            IdentityKind::Phone => self.phone.as_deref(),
            IdentityKind::Bsuid => self.bsuid.as_deref(),
            IdentityKind::ParentBsuid => self.parent_bsuid.as_deref(),
            IdentityKind::Username => self.username.as_deref(),
            IdentityKind::Group => self.group.as_deref(),
        }
    }

    /// Whether somebody can be known by them.
    pub fn names_somebody(&self) -> bool {
        self.iter().any(|(kind, _)| kind != IdentityKind::Username)
    }
}

/// What all spellings of one id have in common; ids with the same key are the same. The database has the same rule
/// as `sb_match_key`.
///
/// # Source
/// Meta, "Phone number formats" and the behaviour of `wa_id`: mobile numbers of Brazil lose their ninth digit (whose
/// successor is 6 to 9: the eight digits that follow would else be a landline), those of Mexico have or lack a 1
/// behind the country code, those of Argentina a 9.
pub fn match_key(kind: IdentityKind, value: &str) -> Cow<'_, str> {
    match kind {
        IdentityKind::Phone => phone_key(value),
        IdentityKind::Username => Cow::Owned(value.to_lowercase()),
        IdentityKind::Bsuid | IdentityKind::ParentBsuid | IdentityKind::Group => {
            Cow::Borrowed(value)
        }
    }
}

fn phone_key(digits: &str) -> Cow<'_, str> {
    // Of all three the long form has thirteen digits.
    if digits.len() != 13 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Cow::Borrowed(digits);
    }
    let without = |place: usize| match (digits.get(..place), digits.get(place + 1..)) {
        (Some(before), Some(behind)) => Cow::Owned(format!("{before}{behind}")),
        _ => Cow::Borrowed(digits),
    };
    match digits.as_bytes() {
        [b'5', b'5', b'1'..=b'9', _, b'9', b'6'..=b'9', ..] => without(4),
        [b'5', b'2', b'1', ..] | [b'5', b'4', b'9', ..] => without(2),
        _ => Cow::Borrowed(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digits: &str) -> String {
        match_key(IdentityKind::Phone, digits).into_owned()
    }

    #[test]
    fn both_spellings_of_a_mobile_number_are_one_number() {
        for (long, short) in [
            ("5511987654321", "551187654321"),
            ("5531961234567", "553161234567"),
            ("5215512345678", "525512345678"),
            ("5491123456789", "541123456789"),
        ] {
            assert_eq!(key(long), key(short));
            assert_eq!(key(short), short);
        }
    }

    #[test]
    fn what_would_be_a_landline_without_its_nine_is_left_alone() {
        // 11 3xxx-xxxx is a landline; 11 9 3xxx-xxxx is a mobile number of somebody else.
        assert_ne!(key("5511931234567"), key("551131234567"));
        assert_eq!(key("551131234567"), "551131234567");
    }

    #[test]
    fn numbers_of_other_countries_have_one_spelling() {
        for digits in [
            "16505551234",
            "4917012345678",
            "521551234567",
            "15215512345678",
        ] {
            assert_eq!(key(digits), digits);
        }
    }

    #[test]
    fn user_names_are_compared_without_their_case() {
        assert_eq!(match_key(IdentityKind::Username, "Ada.B"), "ada.b");
        assert_eq!(match_key(IdentityKind::Bsuid, "US.aB"), "US.aB");
    }

    #[test]
    fn ids_do_not_print() {
        assert_eq!(format!("{:?}", Ids::of_phone("16505551234")), "[Phone]");
    }
}
