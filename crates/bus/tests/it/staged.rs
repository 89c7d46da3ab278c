//! Batches that overlap and keep their order.

use std::sync::{Arc, Mutex};

use sb_bus::{BatchOptions, BatchOutcome, DeliveredItem, HandlerError, Runner, StagedHandler};
use sb_events::proto::message::v1::MessageReceived;
use tokio::sync::Semaphore;

use crate::support::{Rig, Running, Thread, mishap, number, wait_until};

/// A step that was taken with the batch that begins with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Handled(usize),
    Finished(usize),
}

/// Writes down its steps. Finishing needs a permit; some steps fail the first time.
#[derive(Clone)]
struct Diary {
    steps: Arc<Mutex<Vec<Step>>>,
    permits: Arc<Semaphore>,
    fails_once: Arc<Mutex<Vec<Step>>>,
}

impl Diary {
    fn new(permits: usize, fails_once: &[Step]) -> Self {
        Self {
            steps: Arc::default(),
            permits: Arc::new(Semaphore::new(permits)),
            fails_once: Arc::new(Mutex::new(fails_once.to_vec())),
        }
    }

    fn steps(&self) -> Vec<Step> {
        self.steps.lock().unwrap().clone()
    }

    fn take(&self, step: Step) -> Result<(), HandlerError> {
        let mut failing = self.fails_once.lock().unwrap();
        if let Some(index) = failing.iter().position(|failing| *failing == step) {
            failing.remove(index);
            return Err(mishap());
        }
        self.steps.lock().unwrap().push(step);
        Ok(())
    }
}

impl StagedHandler for Diary {
    type Read = usize;
    type Handled = usize;

    fn read(&self, batch: Vec<DeliveredItem>) -> usize {
        number(&batch.first().unwrap().decode::<MessageReceived>().unwrap())
    }

    async fn handle(&self, first: usize) -> Result<(BatchOutcome, usize), HandlerError> {
        self.take(Step::Handled(first))?;
        Ok((BatchOutcome::Done, first))
    }

    async fn finish(&self, first: usize) -> Result<(), HandlerError> {
        self.permits.acquire().await.unwrap().forget();
        self.take(Step::Finished(first))
    }
}

/// Starts a runner on four batches of ten.
async fn start(rig: &Rig, diary: &Diary) -> Running {
    for chunk in Thread::of(1).events(rig.topology(), 0..40).chunks(10) {
        rig.bus.publisher().publish(chunk).await.unwrap();
    }
    let options = BatchOptions {
        max_items: 10,
        in_flight: 3,
        ordered: true,
        ..BatchOptions::default()
    };
    Running::start(Runner::batches(
        &rig.bus,
        rig.spec(),
        diary.clone(),
        options,
    ))
}

#[tokio::test]
async fn the_next_batches_are_handled_while_the_first_is_finished() {
    use Step::{Finished, Handled};
    let rig = Rig::start().await;
    let diary = Diary::new(0, &[]);
    let running = start(&rig, &diary).await;
    wait_until("three are handled", async || diary.steps().len() == 3).await;
    assert_eq!(diary.steps(), [Handled(0), Handled(10), Handled(20)]);
    diary.permits.add_permits(4);
    wait_until("all are done", async || rig.is_drained(&rig.spec()).await).await;
    running.stop().await;
    let finished: Vec<Step> = diary
        .steps()
        .into_iter()
        .filter(|step| matches!(step, Finished(_)))
        .collect();
    assert_eq!(finished, [0, 10, 20, 30].map(Finished));
}

#[tokio::test]
async fn nothing_is_handled_before_what_failed_in_front_of_it() {
    use Step::Handled;
    let rig = Rig::start().await;
    let diary = Diary::new(4, &[Handled(0), Handled(20)]);
    let running = start(&rig, &diary).await;
    wait_until("all are done", async || rig.is_drained(&rig.spec()).await).await;
    running.stop().await;
    let handled: Vec<Step> = diary
        .steps()
        .into_iter()
        .filter(|step| matches!(step, Handled(_)))
        .collect();
    assert_eq!(handled, [0, 10, 20, 30].map(Handled));
}

#[tokio::test]
async fn a_batch_that_cannot_be_finished_comes_again_before_its_successors_are_finished() {
    use Step::{Finished, Handled};
    let rig = Rig::start().await;
    let diary = Diary::new(5, &[Finished(10)]);
    let running = start(&rig, &diary).await;
    wait_until("all are done", async || rig.is_drained(&rig.spec()).await).await;
    running.stop().await;
    let steps = diary.steps();
    let finished: Vec<Step> = steps
        .iter()
        .copied()
        .filter(|step| matches!(step, Finished(_)))
        .collect();
    assert_eq!(finished, [0, 10, 20, 30].map(Finished));
    assert_eq!(steps.iter().filter(|step| **step == Handled(10)).count(), 2);
}
