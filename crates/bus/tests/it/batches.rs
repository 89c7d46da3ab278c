use std::sync::{Arc, Mutex};
use std::time::Duration;

use sb_bus::{
    BatchHandler, BatchOptions, BatchOutcome, DeliveredItem, HandlerError, ItemFailure, Runner,
};
use sb_events::Stream;
use sb_events::consumers::{ConsumerSpec, ingest};
use sb_events::proto::message::v1::MessageReceived;
use sb_events::proto::update::v1::RawPost;

use crate::support::{Rig, Running, Seen, Thread, mishap, number, wait_until};

type Answer = Box<dyn Fn(&[usize], usize) -> Result<BatchOutcome, HandlerError> + Send + Sync>;

/// Remembers the numbers of every batch and answers as it is told: batch, and how many came before.
struct Scripted {
    batches: Arc<Mutex<Vec<Vec<usize>>>>,
    answer: Answer,
}

impl BatchHandler for Scripted {
    async fn handle(&self, batch: Vec<DeliveredItem>) -> Result<BatchOutcome, HandlerError> {
        let numbers: Vec<usize> = batch
            .iter()
            .map(|item| number(&item.decode::<MessageReceived>().unwrap()))
            .collect();
        let before = {
            let mut batches = self.batches.lock().unwrap();
            batches.push(numbers.clone());
            batches.len() - 1
        };
        (self.answer)(&numbers, before)
    }
}

fn start(
    rig: &Rig,
    spec: ConsumerSpec,
    options: BatchOptions,
    answer: Answer,
) -> (Running, Arc<Mutex<Vec<Vec<usize>>>>) {
    let batches = Arc::default();
    let handler = Scripted {
        batches: Arc::clone(&batches),
        answer,
    };
    let runner = Runner::batches(&rig.bus, spec, handler, options);
    (Running::start(runner), batches)
}

fn one_at_a_time() -> BatchOptions {
    BatchOptions {
        max_items: 100,
        linger: Duration::from_millis(200),
        in_flight: 1,
        ..BatchOptions::default()
    }
}

#[tokio::test]
async fn a_batch_counts_items_and_keeps_their_order() {
    let rig = Rig::start().await;
    let spec = rig.spec();
    for chunk in Thread::of(1).events(rig.topology(), 0..1_000).chunks(30) {
        rig.bus.publisher().publish(chunk).await.unwrap();
    }
    let done: Answer = Box::new(|_, _| Ok(BatchOutcome::Done));
    let (running, batches) = start(&rig, spec.clone(), one_at_a_time(), done);
    wait_until("all are handled", async || rig.is_drained(&spec).await).await;
    running.stop().await;
    let batches = batches.lock().unwrap().clone();
    assert!(
        batches.iter().all(|batch| batch.len() <= 100),
        "{batches:?}"
    );
    assert!(batches.len() < 16, "{batches:?}");
    assert_eq!(batches.concat(), (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_that_fails_as_a_whole_is_tried_again_before_anything_is_acknowledged() {
    let rig = Rig::start().await;
    let spec = rig.spec();
    for chunk in Thread::of(1).events(rig.topology(), 0..40).chunks(10) {
        rig.bus.publisher().publish(chunk).await.unwrap();
    }
    let fails_twice: Answer = Box::new(|_, before| match before {
        0 => Err(HandlerError::unavailable(std::io::Error::other("database"))),
        1 => Err(mishap()),
        _ => Ok(BatchOutcome::Done),
    });
    let (running, batches) = start(&rig, spec.clone(), one_at_a_time(), fails_twice);
    wait_until("all are handled", async || rig.is_drained(&spec).await).await;
    running.stop().await;
    let all: Vec<usize> = (0..40).collect();
    assert_eq!(*batches.lock().unwrap(), vec![all; 3]);
}

#[tokio::test]
async fn only_the_items_that_failed_are_handed_over_again() {
    let rig = Rig::start().await;
    let spec = rig.spec();
    let events = Thread::of(1).events(rig.topology(), 0..10);
    rig.bus.publisher().publish(&events).await.unwrap();
    let third_fails: Answer = Box::new(|_, before| {
        let failure = ItemFailure {
            position: 2,
            error: mishap(),
        };
        Ok(match before {
            0 => BatchOutcome::Retry(vec![failure]),
            _ => BatchOutcome::Done,
        })
    });
    let (running, batches) = start(&rig, spec.clone(), BatchOptions::default(), third_fails);
    wait_until("all are handled", async || rig.is_drained(&spec).await).await;
    running.stop().await;
    let batches = batches.lock().unwrap().clone();
    assert_eq!(batches, [(0..10).collect::<Vec<_>>(), vec![2]]);
}

#[tokio::test]
async fn one_item_that_spoils_every_batch_is_found_and_given_up() {
    for in_flight in [1, 2] {
        let rig = Rig::start().await;
        let spec = ConsumerSpec {
            max_deliver: 5,
            ..rig.spec()
        };
        for chunk in Thread::of(1).events(rig.topology(), 0..20).chunks(10) {
            rig.bus.publisher().publish(chunk).await.unwrap();
        }
        let spoilt: Answer = Box::new(|numbers, _| {
            if numbers.contains(&13) {
                Err(mishap())
            } else {
                Ok(BatchOutcome::Done)
            }
        });
        let options = BatchOptions {
            in_flight,
            ..one_at_a_time()
        };
        let (running, batches) = start(&rig, spec.clone(), options, spoilt);
        wait_until("one is dead and the rest is done", async || {
            rig.stored(Stream::Dead).await == 1 && rig.is_drained(&spec).await
        })
        .await;
        running.stop().await;
        let batches = batches.lock().unwrap().concat();
        assert!((0..20).all(|n| batches.contains(&n)), "{batches:?}");
    }
}

struct Posts(Seen);

impl BatchHandler for Posts {
    async fn handle(&self, batch: Vec<DeliveredItem>) -> Result<BatchOutcome, HandlerError> {
        for item in batch {
            let post: RawPost = item.decode().unwrap();
            self.0.push(post.body.len());
        }
        Ok(BatchOutcome::Done)
    }
}

#[tokio::test]
async fn what_is_not_an_envelope_goes_to_the_dead_letters_and_posts_go_on() {
    let rig = Rig::start().await;
    let subject = rig.topology().updates().as_str().to_owned();
    let outsider = async_nats::connect(rig.server.url()).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "this is not from us")]
    outsider
        .publish(subject, "\u{1}not an envelope".into())
        .await
        .unwrap();
    outsider.flush().await.unwrap();
    let post = RawPost {
        post_id: "1".to_owned(),
        body: "12345".into(),
        ..RawPost::default()
    };
    rig.bus
        .publisher()
        .publish_raw_posts(vec![post])
        .await
        .unwrap();
    let (spec, seen) = (ingest(rig.topology()), Seen::default());
    let runner = Runner::batches(
        &rig.bus,
        spec.clone(),
        Posts(seen.clone()),
        BatchOptions::default(),
    );
    let running = Running::start(runner);
    wait_until("both are handled", async || rig.is_drained(&spec).await).await;
    running.stop().await;
    assert_eq!(seen.all(), [5]);
    assert_eq!(rig.stored(Stream::Dead).await, 1);
}
