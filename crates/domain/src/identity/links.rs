//! Ids of people with their validity, and what becomes of them.

use chrono::{DateTime, Utc};
use sb_ids::ContactId;
use uuid::Uuid;

use super::keys::{IdentityKind, match_key};

/// A stored link.
pub type LinkId = Uuid;

/// When an id was somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The earliest time at which it is known to be.
    pub from: DateTime<Utc>,
    /// Since when it is not any more; `None` while it is.
    pub until: Option<DateTime<Utc>>,
}

impl Period {
    /// From then on.
    pub(super) const fn since(from: DateTime<Utc>) -> Self {
        Self { from, until: None }
    }

    pub(super) fn ends_after(&self, at: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| until > at)
    }

    pub(super) const fn is_open(&self) -> bool {
        self.until.is_none()
    }
}

/// An id of a contact.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// Its row; `None` before it is stored.
    pub id: Option<LinkId>,
    /// Whose it is: a contact that is not merged into another.
    pub contact: ContactId,
    /// Whose it is without the merges.
    pub home: ContactId,
    /// What it is.
    pub kind: IdentityKind,
    /// The id as Meta writes it. Personal.
    pub value: String,
    /// When.
    pub period: Period,
    pub(super) key: String,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("contact", &self.contact)
            .field("kind", &self.kind)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// A link as it is stored.
    pub fn new(
        id: Option<LinkId>,
        (contact, home): (ContactId, ContactId),
        (kind, value): (IdentityKind, String),
        period: Period,
    ) -> Self {
        Self {
            id,
            contact,
            home,
            kind,
            key: match_key(kind, &value).into_owned(),
            value,
            period,
        }
    }

    pub(super) fn is(&self, kind: IdentityKind, key: &str) -> bool {
        self.kind == kind && self.key == key
    }

    /// Whether it is valid at some time of a period.
    pub(super) fn overlaps(&self, other: &Period) -> bool {
        self.period.ends_after(other.from)
            && other.until.is_none_or(|until| self.period.from < until)
    }
}

/// What observations change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Contacts to be made, each with its links among the inserted ones.
    pub created: Vec<ContactId>,
    /// Contacts that are one person: who stays, and who is merged into it.
    pub merges: Vec<(ContactId, ContactId)>,
    /// Links to be stored.
    pub inserted: Vec<Link>,
    /// Links whose value or period changes. Whose they are changes by a merge only.
    pub updated: Vec<Link>,
    /// Contacts that were there before and got or lost an identity.
    pub changed: Vec<ContactId>,
    /// Those of them that lost one to another contact, or to the past.
    pub left: Vec<ContactId>,
}

impl Changes {
    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.created.is_empty()
            && self.merges.is_empty()
            && self.inserted.is_empty()
            && self.updated.is_empty()
    }
}
