//! Contacts: made by their first message or by the first one to them.

pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;

use chrono::{DateTime, Utc};
use sb_db::{Contact, StoredIdentity};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A person who talks to you.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Contact)]
pub(crate) struct ContactResponse {
    /// Its id.
    id: Uuid,
    /// What you call the person; the profile name until you say otherwise.
    name: String,
    /// What the person calls itself on WhatsApp.
    profile_name: String,
    /// The phone number in digits, as WhatsApp writes it.
    #[schema(example = "15550100001")]
    wa_id: Option<String>,
    /// The phone number with `+`.
    #[schema(example = "+15550100001")]
    phone_e164: Option<String>,
    /// The business-scoped user id.
    #[schema(example = "US.13491208655302741918")]
    bsuid: Option<String>,
    /// Everything the person is known by now.
    identities: Vec<IdentityResponse>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// One identity of a person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Identity)]
pub(crate) struct IdentityResponse {
    /// `phone`, `bsuid`, `parent_bsuid` or `username`.
    kind: String,
    value: String,
}

impl From<Contact> for ContactResponse {
    fn from(contact: Contact) -> Self {
        let first = |kind: &str| {
            let found = contact.identities.iter().find(|i| i.kind == kind);
            found.map(|identity| identity.value.clone())
        };
        let wa_id = first("phone");
        Self {
            id: contact.id.as_uuid(),
            phone_e164: wa_id.as_ref().map(|digits| format!("+{digits}")),
            wa_id,
            bsuid: first("bsuid"),
            name: contact.name,
            profile_name: contact.profile_name,
            identities: contact.identities.into_iter().map(Into::into).collect(),
            created_at: contact.created_at,
            updated_at: contact.updated_at,
        }
    }
}

impl From<StoredIdentity> for IdentityResponse {
    fn from(identity: StoredIdentity) -> Self {
        Self {
            kind: identity.kind,
            value: identity.value,
        }
    }
}
