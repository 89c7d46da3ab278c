//! Which shards this process owns.
//!
//! A shard's commands reach one replica, the one its consumer is pinned to. So whoever hears a command owns
//! the shard, until it has heard none for a while; and whoever wants to know publishes one, a nudge: it comes
//! back to the owner, who then looks at the database. Ownership decides about the pace only: that nothing is
//! sent twice is decided by the claim.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sb_ids::Shard;

/// Between nudges of a shard that has work.
const NUDGE_EVERY: Duration = Duration::from_secs(5);
/// Without a command for this long a shard is another replica's. Shorter than the 15 seconds after which the
/// server gives the consumer of a silent owner to somebody else: two replicas never pace one number.
const LAPSES_AFTER: Duration = Duration::from_secs(12);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    heard: Option<Instant>,
    nudged: Option<Instant>,
}

/// What is known about each shard.
#[derive(Debug, Default)]
pub(crate) struct Ownership {
    shards: BTreeMap<Shard, State>,
}

impl Ownership {
    /// A command of the shard came. `true` when the shard was not ours before.
    pub(crate) fn hear(&mut self, shard: Shard, now: Instant) -> bool {
        let is_new = !self.owns(shard, now);
        self.shards.entry(shard).or_default().heard = Some(now);
        is_new
    }

    /// Whether the shard is ours.
    pub(crate) fn owns(&self, shard: Shard, now: Instant) -> bool {
        let heard = self.shards.get(&shard).and_then(|state| state.heard);
        heard.is_some_and(|at| now.duration_since(at) < LAPSES_AFTER)
    }

    /// Shards that were ours until now.
    pub(crate) fn take_lapsed(&mut self, now: Instant) -> Vec<Shard> {
        let mut lapsed = Vec::new();
        for (shard, state) in &mut self.shards {
            if state
                .heard
                .is_some_and(|at| now.duration_since(at) >= LAPSES_AFTER)
            {
                state.heard = None;
                lapsed.push(*shard);
            }
        }
        lapsed
    }

    /// Whether a shard that has work should be nudged now; if so, it counts as done.
    pub(crate) fn take_nudge(&mut self, shard: Shard, now: Instant) -> bool {
        let state = self.shards.entry(shard).or_default();
        let last = state.heard.max(state.nudged);
        let is_due = last.is_none_or(|at| now.duration_since(at) >= NUDGE_EVERY);
        if is_due {
            state.nudged = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard() -> Shard {
        Shard::all().next().unwrap()
    }

    #[test]
    fn a_shard_is_ours_while_its_commands_come() {
        let (mut ownership, start) = (Ownership::default(), Instant::now());
        assert!(!ownership.owns(shard(), start));
        assert!(ownership.hear(shard(), start));
        assert!(!ownership.hear(shard(), start + LAPSES_AFTER / 2));
        assert!(ownership.owns(shard(), start + LAPSES_AFTER));
        assert!(ownership.take_lapsed(start + LAPSES_AFTER).is_empty());
        let end = start + LAPSES_AFTER * 3 / 2;
        assert!(!ownership.owns(shard(), end));
        assert_eq!(ownership.take_lapsed(end), [shard()]);
        assert!(ownership.take_lapsed(end).is_empty());
        assert!(ownership.hear(shard(), end));
    }

    #[test]
    fn a_shard_is_nudged_only_when_nothing_was_heard() {
        let (mut ownership, start) = (Ownership::default(), Instant::now());
        assert!(ownership.take_nudge(shard(), start));
        assert!(!ownership.take_nudge(shard(), start));
        assert!(ownership.take_nudge(shard(), start + NUDGE_EVERY));
        ownership.hear(shard(), start + NUDGE_EVERY * 2);
        assert!(!ownership.take_nudge(shard(), start + NUDGE_EVERY * 2));
    }
}
