use std::fmt;

use chrono::{DateTime, Utc};
use sb_ids::{Bsuid, ContactId, WaId};
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
    /// Everything the person is known by now.
    pub identities: Vec<Identity>,
    /// When the person first appeared.
    pub created_at: DateTime<Utc>,
    /// When the contact was last changed.
    pub updated_at: DateTime<Utc>,
}

/// One identity of a person.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// `phone`, `bsuid`, `parent_bsuid` or `username`.
    pub kind: String,
    /// The id itself.
    pub value: String,
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
