//! Statuses that become due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use tokio::time::Instant;

use super::messages::Progress;

/// Statuses kept back at most.
const MAX_HELD: usize = 100_000;

/// A step a message will take.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    due: Instant,
    /// Steps due at the same instant keep the order they were planned in.
    sequence: u64,
    pub(crate) message_id: String,
    pub(crate) to: Progress,
    /// Code and details of a failure.
    pub(crate) failure: Option<(i64, Option<String>)>,
}

/// Planned and held steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schedule {
    planned: BinaryHeap<Reverse<Step>>,
    held: VecDeque<Step>,
    sequence: u64,
}

impl Schedule {
    pub(crate) fn plan(
        &mut self,
        due: Instant,
        message_id: &str,
        to: Progress,
        failure: Option<(i64, Option<String>)>,
    ) {
        self.sequence += 1;
        self.planned.push(Reverse(Step {
            due,
            sequence: self.sequence,
            message_id: message_id.to_owned(),
            to,
            failure,
        }));
    }

    /// Takes one due step; otherwise says when the next is due.
    pub(crate) fn next(&mut self, now: Instant) -> Result<Step, Option<Instant>> {
        match self.planned.peek() {
            None => Err(None),
            Some(Reverse(step)) if step.due > now => Err(Some(step.due)),
            Some(_) => self.planned.pop().map(|Reverse(step)| step).ok_or(None),
        }
    }

    /// When the next step is due.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.planned.peek().map(|Reverse(step)| step.due)
    }

    /// Keeps a step back until it is released.
    pub(crate) fn hold(&mut self, step: Step) {
        if self.held.len() < MAX_HELD {
            self.held.push_back(step);
        }
    }

    /// Takes all held steps.
    pub(crate) fn release(&mut self) -> Vec<Step> {
        self.held.drain(..).collect()
    }

    pub(crate) fn planned(&self) -> usize {
        self.planned.len()
    }

    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn steps_come_out_when_due_in_planned_order() {
        let mut schedule = Schedule::default();
        let now = Instant::now();
        schedule.plan(now + Duration::from_secs(1), "later", Progress::Read, None);
        schedule.plan(now, "a", Progress::Sent, None);
        schedule.plan(now, "b", Progress::Sent, None);
        assert_eq!(schedule.next(now).unwrap().message_id, "a");
        assert_eq!(schedule.next(now).unwrap().message_id, "b");
        assert_eq!(schedule.next(now), Err(Some(now + Duration::from_secs(1))));
    }
}
