//! Who is who: which ids belong to one person, as far as Meta's updates show it.
//!
//! [`Graph`] takes what updates show ([`Observation`]) and what is known ([`Link`]) and says which contact each
//! observation is of, and what changes ([`Changes`]). [`Family`] says what a merge of two contacts, and undoing it,
//! does to their conversations. No IO.
//!
//! The rules, strongest first:
//! 1. A business-scoped id (BSUID) is one person's for ever, even after it was replaced; so is a parent BSUID.
//! 2. A phone number is whoever's it is at the time. Spellings with the same [`match_key`] are one number; answers
//!    go to the spelling that Meta uses.
//! 3. Two contacts are one person when an update shows ids of both together, and nothing speaks against it. A phone
//!    number that appears with another BSUID than before has a new owner: it moves, and nobody is merged.
//! 4. A user name is recorded and never matched: whoever gives it up makes it free for others.
//! 5. Whom somebody has separated no rule brings together again.
//!
//! **Invariant:** for people who share no phone number, the same observations in any order give the same partition.
//! **Invariant:** undoing a merge gives every identity and conversation back to whom it belonged.

mod family;
mod graph;
mod keys;
mod links;
mod replacing;
mod seeing;

pub use family::{Family, Merge, Thread};
pub use graph::{Graph, Observation, Resolved};
pub use keys::{IdentityKind, Ids, match_key};
pub use links::{Changes, Link, LinkId, Period};

#[cfg(test)]
mod orders;
#[cfg(test)]
mod tests;
