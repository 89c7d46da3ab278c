//! Turns: batches that overlap, with each step of them in the order in which they came.

use tokio::sync::oneshot;

/// A batch's place in the queue for one step.
#[derive(Debug)]
enum Before {
    /// Nothing is before it.
    Nothing,
    /// The batch before has not left the step.
    Busy(oneshot::Receiver<()>),
    /// The batch before ended without an outcome: nothing may overtake it.
    Broken,
}

#[derive(Debug)]
struct Gate {
    before: Before,
    after: Option<oneshot::Sender<()>>,
}

impl Gate {
    /// Waits for the batch before; `false` when that will never leave the step.
    async fn enter(&mut self) -> bool {
        if let Before::Busy(before) = &mut self.before {
            self.before = match before.await {
                Ok(()) => Before::Nothing,
                Err(_) => Before::Broken,
            };
        }
        matches!(self.before, Before::Nothing)
    }

    fn leave(&mut self) {
        if let Some(after) = self.after.take() {
            // Nobody may wait: the batch was the last one.
            let _ = after.send(());
        }
    }
}

/// One batch's turns. Dropped before both steps were left, it lets nobody pass.
#[derive(Debug)]
pub(crate) struct Turns {
    handling: Gate,
    finishing: Gate,
}

impl Turns {
    /// Waits until every batch before was handled; `false` when one never will be.
    pub(crate) async fn enter_handling(&mut self) -> bool {
        self.handling.enter().await
    }

    /// Lets the next batch be handled.
    pub(crate) fn leave_handling(&mut self) {
        self.handling.leave();
    }

    /// Waits until every batch before was finished; `false` when one never will be.
    pub(crate) async fn enter_finishing(&mut self) -> bool {
        self.finishing.enter().await
    }

    /// Lets the next batches pass: nothing is left to be done.
    pub(crate) async fn pass(mut self) {
        if self.handling.enter().await {
            self.handling.leave();
            if self.finishing.enter().await {
                self.finishing.leave();
            }
        }
    }
}

/// Hands out turns.
#[derive(Debug)]
pub(crate) struct Queue {
    ordered: bool,
    handling: Before,
    finishing: Before,
}

impl Queue {
    /// Without order nobody waits.
    pub(crate) const fn new(ordered: bool) -> Self {
        Self {
            ordered,
            handling: Before::Nothing,
            finishing: Before::Nothing,
        }
    }

    /// The turns of the next batch.
    pub(crate) fn line_up(&mut self) -> Turns {
        Turns {
            handling: line_up(&mut self.handling, self.ordered),
            finishing: line_up(&mut self.finishing, self.ordered),
        }
    }
}

fn line_up(last: &mut Before, ordered: bool) -> Gate {
    if !ordered {
        return Gate {
            before: Before::Nothing,
            after: None,
        };
    }
    let (after, next) = oneshot::channel();
    Gate {
        before: std::mem::replace(last, Before::Busy(next)),
        after: Some(after),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_step_is_entered_once_the_batch_before_has_left_it() {
        let mut queue = Queue::new(true);
        let (mut first, mut second) = (queue.line_up(), queue.line_up());
        assert!(first.enter_handling().await);
        assert_eq!(second.enter_handling().now_or_never(), None);
        first.leave_handling();
        assert!(second.enter_handling().await);
        assert_eq!(second.enter_finishing().now_or_never(), None);
        first.pass().await;
        assert!(second.enter_finishing().await);
    }

    #[tokio::test]
    async fn nothing_overtakes_a_batch_that_ends_without_an_outcome() {
        let mut queue = Queue::new(true);
        let (first, mut second, mut third) = (queue.line_up(), queue.line_up(), queue.line_up());
        drop(first);
        assert!(!second.enter_handling().await);
        assert!(!second.enter_handling().await, "asked again");
        second.pass().await;
        assert!(!third.enter_handling().await);
        assert!(
            !queue
                .line_up()
                .enter_finishing()
                .now_or_never()
                .unwrap_or(false)
        );
    }

    #[tokio::test]
    async fn without_order_nobody_waits() {
        let mut queue = Queue::new(false);
        let (_first, mut second) = (queue.line_up(), queue.line_up());
        assert!(second.enter_handling().await && second.enter_finishing().await);
    }
}
