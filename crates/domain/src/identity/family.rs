//! Contacts that are one person: who belongs together, and which of their conversations goes on.

use std::collections::{BTreeMap, BTreeSet};

use sb_ids::{ContactId, ConversationId, NumberId};

/// A merge that was not undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// Who stays.
    pub winner: ContactId,
    /// Who is merged into it.
    pub loser: ContactId,
}

/// A conversation as far as merges change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thread {
    /// The conversation.
    pub id: ConversationId,
    /// Our side of it.
    pub number: NumberId,
    /// The other side.
    pub contact: ContactId,
    /// The other side without the merges.
    pub home: ContactId,
    /// The conversation that goes on instead.
    pub into: Option<ConversationId>,
}

/// A contact and everybody who was merged into it, directly or by way of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    root: ContactId,
    members: BTreeSet<ContactId>,
}

impl Family {
    /// The family of a contact, as these merges make it.
    pub fn of(root: ContactId, merges: &[Merge]) -> Self {
        let mut members = BTreeSet::from([root]);
        let mut waiting = vec![root];
        while let Some(winner) = waiting.pop() {
            for merge in merges.iter().filter(|merge| merge.winner == winner) {
                if members.insert(merge.loser) {
                    waiting.push(merge.loser);
                }
            }
        }
        Self { root, members }
    }

    /// Who belongs to it, with the contact itself.
    pub const fn members(&self) -> &BTreeSet<ContactId> {
        &self.members
    }

    /// What its conversations become: at each number one goes on, the others point to it. Only those that change
    /// are returned, first those that leave the contact, so that it never has two at one number. `preferred` names
    /// conversations that went on before.
    pub fn settle(&self, threads: &[Thread], preferred: &BTreeSet<ConversationId>) -> Vec<Thread> {
        let mut by_number: BTreeMap<NumberId, Vec<&Thread>> = BTreeMap::new();
        for thread in threads.iter().filter(|t| self.members.contains(&t.home)) {
            by_number.entry(thread.number).or_default().push(thread);
        }
        let mut changed = Vec::new();
        for threads in by_number.into_values() {
            let Some(live) = threads.iter().min_by_key(|t| self.rank(t, preferred)) else {
                continue;
            };
            let settled = threads.iter().map(|thread| Thread {
                contact: if thread.id == live.id {
                    self.root
                } else {
                    thread.home
                },
                into: (thread.id != live.id).then_some(live.id),
                ..**thread
            });
            let differs = settled.zip(&threads).filter(|(new, old)| new != **old);
            changed.extend(differs.map(|(new, _)| new));
        }
        changed.sort_by_key(|thread| (thread.contact == self.root, thread.id));
        changed
    }

    /// The lowest goes on: the contact's own, then what went on before, then the oldest.
    fn rank(
        &self,
        thread: &Thread,
        preferred: &BTreeSet<ConversationId>,
    ) -> (bool, bool, bool, bool, ConversationId) {
        let goes_on = thread.into.is_none();
        (
            thread.home != self.root,
            !preferred.contains(&thread.id),
            !(goes_on && thread.contact == self.root),
            !goes_on,
            thread.id,
        )
    }
}
