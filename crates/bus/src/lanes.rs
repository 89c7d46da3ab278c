//! Turns: messages of one subject one after another, in the order in which they were read.

use std::collections::HashMap;

use tokio::sync::oneshot;

/// Subjects after which finished ones are cleared away.
const CLEAR_ABOVE: usize = 256;

/// Hands out turns. Used by one task, the one that reads.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    last: HashMap<String, oneshot::Receiver<()>>,
    clear_above: usize,
}

/// A place in the queue of one subject. The next one's turn comes when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    before: Option<oneshot::Receiver<()>>,
    _done: oneshot::Sender<()>,
}

impl Lanes {
    /// Queues up behind everything of this subject.
    pub(crate) fn queue(&mut self, subject: &str) -> Turn {
        let (done, next) = oneshot::channel();
        let before = self.last.insert(subject.to_owned(), next);
        if self.last.len() > self.clear_above.max(CLEAR_ABOVE) {
            self.last
                .retain(|_, last| last.try_recv() == Err(oneshot::error::TryRecvError::Empty));
            self.clear_above = self.last.len() * 2;
        }
        Turn {
            before,
            _done: done,
        }
    }
}

impl Turn {
    /// Waits until everything before it is finished, however it ended.
    pub(crate) async fn come(&mut self) {
        if let Some(before) = self.before.as_mut() {
            // Nothing is ever sent: the sender's end is the signal.
            let _ = before.await;
            self.before = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_turn_comes_when_all_before_it_in_the_lane_are_dropped() {
        let mut lanes = Lanes::default();
        let (first, mut second) = (lanes.queue("a"), lanes.queue("a"));
        let mut third = lanes.queue("a");
        lanes.queue("b").come().await;
        assert!(second.come().now_or_never().is_none());
        drop(first);
        second.come().await;
        assert!(third.come().now_or_never().is_none());
        drop(second);
        third.come().await;
    }

    #[test]
    fn finished_lanes_are_cleared_away() {
        let mut lanes = Lanes::default();
        let _held = lanes.queue("held");
        for n in 0..10_000 {
            drop(lanes.queue(&n.to_string()));
        }
        assert!(lanes.last.len() <= CLEAR_ABOVE + 1, "{}", lanes.last.len());
        assert!(lanes.last.contains_key("held"));
    }
}
