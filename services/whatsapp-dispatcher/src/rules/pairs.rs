//! The pace of messages to one recipient.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sb_ids::ConversationId;

/// One message every six seconds to the same recipient …
const INTERVAL: Duration = Duration::from_secs(6);
/// … of which 45 may go at once, borrowed from the time after them.
///
/// # Source
/// Meta, "Pair rate limits", 2026: code 131056 for more.
const BURST: u32 = 45;

/// When the next message to each recipient would be due if they were evenly spaced. Only who got something lately is in
/// it; a process that has just taken a number over knows nobody, and Meta's refusal tells it.
#[derive(Debug, Default)]
pub(crate) struct Pairs(HashMap<ConversationId, Instant>);

impl Pairs {
    /// Takes one message if it may go now.
    ///
    /// # Errors
    /// When it may.
    pub(crate) fn take(
        &mut self,
        conversation: ConversationId,
        now: Instant,
    ) -> Result<(), Instant> {
        let due = self.0.entry(conversation).or_insert(now);
        let allowed_at = due.checked_sub(INTERVAL * (BURST - 1)).unwrap_or(now);
        if allowed_at > now {
            return Err(allowed_at);
        }
        *due = (*due).max(now) + INTERVAL;
        Ok(())
    }

    /// Gives back a message that was taken and not sent.
    pub(crate) fn give_back(&mut self, conversation: ConversationId) {
        if let Some(due) = self.0.get_mut(&conversation) {
            *due = due.checked_sub(INTERVAL).unwrap_or(*due);
        }
    }

    /// Forgets whose limit is as if nothing had been sent.
    pub(crate) fn forget_fresh(&mut self, now: Instant) {
        self.0.retain(|_, due| *due > now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn conversation() -> ConversationId {
        ConversationId::new(chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default())
    }

    #[test]
    fn forty_five_go_at_once_and_the_next_after_six_seconds() {
        let (mut pairs, now, one) = (Pairs::default(), Instant::now(), conversation());
        for _ in 0..BURST {
            assert_eq!(pairs.take(one, now), Ok(()));
        }
        assert_eq!(pairs.take(one, now), Err(now + INTERVAL));
        assert_eq!(pairs.take(one, now + INTERVAL), Ok(()));
        pairs.give_back(one);
        assert_eq!(pairs.take(one, now + INTERVAL), Ok(()));
        pairs.forget_fresh(now + INTERVAL * 46);
        assert!(pairs.0.is_empty());
    }

    proptest! {
        /// What Meta's own account of the same sends would refuse is never sent.
        #[test]
        fn meta_refuses_none_of_what_goes(gaps_ms in proptest::collection::vec(0_u64..20_000, 1..300)) {
            let (mut pairs, start, one) = (Pairs::default(), Instant::now(), conversation());
            let (mut now, mut metas_due) = (start, start);
            for gap in gaps_ms {
                now += Duration::from_millis(gap);
                if pairs.take(one, now).is_ok() {
                    let due = metas_due.max(now);
                    prop_assert!(due - now <= INTERVAL * (BURST - 1));
                    metas_due = due + INTERVAL;
                }
            }
        }
    }
}
