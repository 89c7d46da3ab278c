use std::collections::BTreeSet;
use std::time::Duration;

use sb_bus::{BatchHandler, BatchOptions, BatchOutcome, DeliveredItem, HandlerError, Runner};
use sb_bus::{Delivered, EventOptions};
use sb_events::Stream;
use sb_events::proto::message::v1::MessageReceived;

use crate::support::{Rig, Running, Seen, Thread, With, number, remember, wait_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_nothing_that_was_acknowledged() {
    let mut rig = Rig::start().await;
    let seen = Seen::default();
    let spec = rig.spec();
    let options = EventOptions::default();
    let running = Running::start(Runner::events(
        &rig.bus,
        spec.clone(),
        remember(&seen),
        options,
    ));
    let (bus, topology) = (rig.bus.clone(), rig.topology().clone());
    let publishing = async {
        let publisher = bus.publisher().with_deadline(Duration::from_secs(30));
        for n in 0..400 {
            let thread = Thread::of(1).other(n % 16);
            let n = usize::try_from(n).unwrap();
            let events = thread.events(&topology, n * 5..n * 5 + 5);
            publisher.publish(&events).await.unwrap();
        }
    };
    let killing = async {
        for enough in [300, 900] {
            wait_until("it is busy", async || seen.len() > enough).await;
            rig.server.kill().await.unwrap();
            rig.server.restart().await.unwrap();
        }
    };
    tokio::join!(publishing, killing);
    wait_until("all are handled", async || {
        seen.counts().len() == 2_000 && rig.is_drained(&spec).await
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn what_a_crashed_runner_had_taken_comes_again() {
    let rig = Rig::start().await;
    let taken = Seen::default();
    let stuck = With({
        let taken = taken.clone();
        move |delivered: Delivered<MessageReceived>| {
            taken.push(number(&delivered.event));
            std::future::pending()
        }
    });
    let options = EventOptions::default();
    let running = Running::start(Runner::events(&rig.bus, rig.spec(), stuck, options.clone()));
    for n in 0..8 {
        rig.bus
            .publisher()
            .publish(&[Thread::of(1).event(rig.topology(), n)])
            .await
            .unwrap();
    }
    wait_until("all are taken", async || taken.len() == 8).await;
    running.crash().await;

    let seen = Seen::default();
    let running = Running::start(Runner::events(
        &rig.bus,
        rig.spec(),
        remember(&seen),
        options,
    ));
    wait_until("all came again", async || seen.counts().len() == 8).await;
    running.stop().await;
}

#[tokio::test]
async fn a_deleted_consumer_and_deleted_streams_are_made_again() {
    let rig = Rig::start().await;
    let (spec, seen) = (rig.spec(), Seen::default());
    let options = EventOptions::default();
    let running = Running::start(Runner::events(
        &rig.bus,
        spec.clone(),
        remember(&seen),
        options,
    ));
    let publish = async |n| {
        let event = Thread::of(1).event(rig.topology(), n);
        rig.bus.publisher().publish(&[event]).await.unwrap();
    };
    publish(0).await;
    wait_until("the first is handled", async || rig.is_drained(&spec).await).await;

    let events = Stream::Events.name(rig.topology());
    let stream = rig.jetstream().await.get_stream(events).await.unwrap();
    stream.delete_consumer(&spec.durable).await.unwrap();
    publish(1).await;
    wait_until("the second is handled", async || seen.counts().len() == 2).await;

    rig.bus.drop_streams().await.unwrap();
    publish(2).await;
    wait_until("the third is handled", async || seen.counts().len() == 3).await;
    running.stop().await;
}

struct Slow(Seen);

impl BatchHandler for Slow {
    async fn handle(&self, batch: Vec<DeliveredItem>) -> Result<BatchOutcome, HandlerError> {
        tokio::task::yield_now().await;
        for item in &batch {
            self.0
                .push(number(&item.decode::<MessageReceived>().unwrap()));
        }
        Ok(BatchOutcome::Done)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_batch_runners_share_the_work_and_one_may_crash() {
    let rig = Rig::start().await;
    let (spec, seen) = (rig.spec(), Seen::default());
    let options = BatchOptions {
        max_items: 20,
        ..BatchOptions::default()
    };
    let start = || {
        let handler = Slow(seen.clone());
        Running::start(Runner::batches(
            &rig.bus,
            spec.clone(),
            handler,
            options.clone(),
        ))
    };
    let (crashing, surviving) = (start(), start());
    for chunk in Thread::of(1).events(rig.topology(), 0..2_000).chunks(5) {
        rig.bus.publisher().publish(chunk).await.unwrap();
    }
    wait_until("it is busy", async || seen.len() > 200).await;
    crashing.crash().await;
    wait_until("all are handled", async || rig.is_drained(&spec).await).await;
    surviving.stop().await;
    let handled: BTreeSet<usize> = seen.all().into_iter().collect();
    assert_eq!(handled.len(), 2_000);
}
