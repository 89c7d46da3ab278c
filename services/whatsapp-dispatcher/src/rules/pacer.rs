//! The pace of one number.

use std::time::{Duration, Instant};

/// Spaces the sends of a number so that no window of one second holds more than its rate.
///
/// A fortieth of the rate may go at once, which absorbs the time a claim takes; the sustained pace is lower by
/// as much. This is the generic cell rate algorithm: `due` is when the next send would come if all were
/// evenly spaced, and a send may be early by `slack`.
///
/// # Source
/// Meta, "Throughput": 80 messages a second for a number, 1,000 after the upgrade, 20 in coexistence.
#[derive(Debug, Clone)]
pub(crate) struct Pacer {
    rate: u32,
    interval: Duration,
    slack: Duration,
    due: Instant,
}

/// Interval and slack for a rate.
fn spacing(rate: u32) -> (Duration, Duration) {
    let rate = rate.max(1);
    let burst = (rate / 40).max(1);
    let sustained = if burst > 1 { rate - burst } else { rate };
    let interval = Duration::from_secs(1) / sustained;
    (interval, interval * (burst - 1))
}

impl Pacer {
    /// A pacer that has not sent anything yet.
    pub(crate) fn new(rate: u32, now: Instant) -> Self {
        let (interval, slack) = spacing(rate);
        Self {
            rate,
            interval,
            slack,
            due: now,
        }
    }

    /// Changes the rate from now on.
    pub(crate) fn set_rate(&mut self, rate: u32) {
        if rate != self.rate {
            self.rate = rate;
            (self.interval, self.slack) = spacing(rate);
        }
    }

    /// Takes one send if it may go now.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.next_at() > now {
            return false;
        }
        self.due = self.due.max(now) + self.interval;
        true
    }

    /// Gives back a send that was taken and not made.
    pub(crate) fn give_back(&mut self) {
        self.due = self.due.checked_sub(self.interval).unwrap_or(self.due);
    }

    /// Nothing goes before `until`, and then without a burst.
    pub(crate) fn pause(&mut self, until: Instant) {
        self.due = self.due.max(until + self.slack);
    }

    /// When the next send may go; in the past when it may go now.
    pub(crate) fn next_at(&self) -> Instant {
        self.due.checked_sub(self.slack).unwrap_or(self.due)
    }

    /// Forgetting the pacer now would change nothing.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        self.due <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// When sends go if somebody asks at each of these moments.
    fn sends(pacer: &mut Pacer, start: Instant, gaps_us: &[u64]) -> Vec<Duration> {
        let mut now = start;
        let mut sent = Vec::new();
        for gap in gaps_us {
            now += Duration::from_micros(*gap);
            while pacer.take(now) {
                sent.push(now - start);
            }
        }
        sent
    }

    proptest! {
        #[test]
        fn no_window_of_a_second_holds_more_than_the_rate(
            rate in 1_u32..1_200,
            gaps in proptest::collection::vec(0_u64..400_000, 1..300),
        ) {
            let start = Instant::now();
            let sent = sends(&mut Pacer::new(rate, start), start, &gaps);
            for (first, at) in sent.iter().enumerate() {
                let inside = sent[first..].iter().take_while(|t| **t < *at + SECOND).count();
                prop_assert!(inside <= usize::try_from(rate).unwrap(), "{inside} of {rate}");
            }
        }
    }

    #[test]
    fn a_number_that_always_has_work_reaches_its_pace() {
        for (rate, least) in [(80, 78), (20, 20), (1_000, 970), (1, 1)] {
            let start = Instant::now();
            // Asked every 5 ms for ten seconds.
            let sent = sends(&mut Pacer::new(rate, start), start, &[5_000; 2_000]);
            assert!(sent.len() >= least * 10 - 1, "{rate}: {}", sent.len());
        }
    }

    #[test]
    fn a_pause_ends_without_a_burst() {
        let start = Instant::now();
        let mut pacer = Pacer::new(400, start);
        pacer.pause(start + SECOND);
        assert!(!pacer.take(start + SECOND / 2));
        assert!(pacer.take(start + SECOND));
        assert!(!pacer.take(start + SECOND));
    }

    #[test]
    fn what_was_given_back_can_be_taken_again() {
        let start = Instant::now();
        let mut pacer = Pacer::new(10, start);
        assert!(pacer.take(start));
        assert!(!pacer.take(start));
        pacer.give_back();
        assert!(pacer.take(start));
    }
}
