use std::fmt;

use chrono::{DateTime, Utc};
use sb_ids::{Bsuid, ContactId, ContactMergeId, WaId};
use serde::Deserialize;

/// A person who talks to the organization.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// What the organization calls the person.
    pub name: String,
    /// What the person calls itself on WhatsApp.
    pub profile_name: String,
    /// The phone number in digits.
    pub wa_id: Option<WaId>,
    /// The phone number with `+`.
    pub phone_e164: Option<String>,
    /// The business-scoped user id.
    pub bsuid: Option<Bsuid>,
    /// A group: its messages have authors of their own.
    pub is_group: bool,
    /// The contact that stands for this one: both are one person.
    pub merged_into: Option<ContactId>,
    /// Everything the person is known by now, and was before.
    pub identities: Vec<Identity>,
    /// When the person first appeared.
    pub created_at: DateTime<Utc>,
    /// When the contact was last changed.
    pub updated_at: DateTime<Utc>,
}

/// One identity of a person.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// `phone`, `bsuid`, `parent_bsuid`, `username` or `group`.
    pub kind: String,
    /// The id itself.
    pub value: String,
    /// The earliest time at which it is known to be this person's.
    pub valid_from: DateTime<Utc>,
    /// Since when it is not any more.
    pub valid_until: Option<DateTime<Utc>>,
}

/// Two contacts being one person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ContactMerge {
    /// Its id.
    pub id: ContactMergeId,
    /// The contact that stands for both.
    pub contact_id: ContactId,
    /// The contact that was merged into it.
    pub merged_contact_id: ContactId,
    /// `rule` or `request`.
    pub cause: String,
    /// Who: an API key, or `rules`.
    pub actor: String,
    /// When.
    pub merged_at: DateTime<Utc>,
    /// When it was undone.
    pub undone_at: Option<DateTime<Utc>>,
    /// Who undid it.
    pub undone_by: Option<String>,
}

// Names and numbers of people stay out of logs.
impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
