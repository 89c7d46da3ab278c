//! Contacts: made by their first message or by the first one to them.

pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod merge;
pub(crate) mod merges;
pub(crate) mod unmerge;
pub(crate) mod update;

use chrono::{DateTime, Utc};
use sb_db::{Contact, ContactMerge, StoredIdentity};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A person who talks to you, or a group.
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
    /// A group: its messages have authors of their own.
    is_group: bool,
    /// The contact that stands for this one, since both are one person; null for one that stands for itself.
    merged_into: Option<Uuid>,
    /// Everything the person is known by now, and was before.
    identities: Vec<IdentityResponse>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// One identity of a person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Identity)]
pub(crate) struct IdentityResponse {
    /// `phone`, `bsuid`, `parent_bsuid`, `username` or `group`.
    kind: String,
    value: String,
    /// The earliest time at which it is known to be this person's.
    valid_from: DateTime<Utc>,
    /// Since when it is not any more; null for what the person is known by now.
    valid_until: Option<DateTime<Utc>>,
}

/// Two contacts being one person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContactMerge)]
pub(crate) struct MergeResponse {
    /// Its id.
    id: Uuid,
    /// The contact that stands for both.
    contact_id: Uuid,
    /// The contact that was merged into it.
    merged_contact_id: Uuid,
    /// `rule`: an update of Meta's showed both as one person; `request`: somebody asked for it.
    #[schema(example = "rule")]
    cause: String,
    /// Who: an API key, or `rules`.
    actor: String,
    merged_at: DateTime<Utc>,
    /// When it was undone.
    undone_at: Option<DateTime<Utc>>,
    /// Who undid it.
    undone_by: Option<String>,
}

impl From<ContactMerge> for MergeResponse {
    fn from(merge: ContactMerge) -> Self {
        Self {
            id: merge.id.as_uuid(),
            contact_id: merge.winner.as_uuid(),
            merged_contact_id: merge.loser.as_uuid(),
            cause: merge.cause,
            actor: merge.actor,
            merged_at: merge.merged_at,
            undone_at: merge.undone_at,
            undone_by: merge.undone_by,
        }
    }
}

impl From<Contact> for ContactResponse {
    fn from(contact: Contact) -> Self {
        let first = |kind: &str| {
            let mut current = contact.identities.iter();
            let found = current.find(|i| i.kind == kind && i.valid_until.is_none());
            found.map(|identity| identity.value.clone())
        };
        let wa_id = first("phone");
        Self {
            id: contact.id.as_uuid(),
            phone_e164: wa_id.as_ref().map(|digits| format!("+{digits}")),
            wa_id,
            bsuid: first("bsuid"),
            is_group: contact.is_group,
            merged_into: contact.merged_into.map(Uuid::from),
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
            valid_from: identity.valid_from,
            valid_until: identity.valid_until,
        }
    }
}
