use std::time::Duration;

use sb_bus::{EventOptions, Runner};
use sb_events::consumers::ConsumerSpec;
use tokio::time::Instant;

use crate::support::{Rig, Running, Seen, Thread, remember, wait_until};

struct Pair {
    rig: Rig,
    spec: ConsumerSpec,
    published: usize,
}

impl Pair {
    async fn start() -> Self {
        let rig = Rig::start().await;
        let spec = ConsumerSpec {
            pinned: true,
            ..rig.spec()
        };
        Self {
            rig,
            spec,
            published: 0,
        }
    }

    fn run(&self, seen: &Seen) -> Running {
        let (spec, options) = (self.spec.clone(), EventOptions::default());
        Running::start(Runner::events(&self.rig.bus, spec, remember(seen), options))
    }

    async fn publish(&mut self, count: usize) {
        for _ in 0..count {
            let event = Thread::of(1).event(self.rig.topology(), self.published);
            self.published += 1;
            self.rig.bus.publisher().publish(&[event]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn one_of_two_readers_owns_a_pinned_consumer_until_it_stops() {
    let mut pair = Pair::start().await;
    let (first, second) = (Seen::default(), Seen::default());
    let owner = pair.run(&first);
    pair.publish(5).await;
    wait_until("the first one owns it", async || first.len() == 5).await;
    let standby = pair.run(&second);
    pair.publish(20).await;
    wait_until("the first one got all", async || first.len() == 25).await;
    assert_eq!(second.len(), 0);

    let stopped = Instant::now();
    owner.stop().await;
    pair.publish(20).await;
    wait_until("the second one took over", async || second.len() == 20).await;
    assert!(
        stopped.elapsed() < Duration::from_secs(5),
        "it was handed over at once"
    );
    standby.stop().await;
}

#[tokio::test]
async fn a_pinned_consumer_passes_on_when_its_owner_dies() {
    let mut pair = Pair::start().await;
    let (first, second) = (Seen::default(), Seen::default());
    let owner = pair.run(&first);
    pair.publish(5).await;
    wait_until("the first one owns it", async || first.len() == 5).await;
    let standby = pair.run(&second);
    owner.crash().await;
    pair.publish(20).await;
    wait_until("the second one took over", async || second.len() == 20).await;
    standby.stop().await;
}
