//! The relay between a real database and a real bus.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its case must fail"
)]

use std::time::Duration;

use futures::StreamExt as _;
use prost::Message as _;
use sb_bus::{Bus, Tap, TapStart};
use sb_config::{NatsSettings, OutboxSettings};
use sb_db::{Db, SystemReason};
use sb_events::proto::message::v1::{MessageReceived, MessageRef};
use sb_events::{Addressed, Origin, meta};
use sb_ids::{ConversationId, EventId, OrganizationId};
use sb_local::{NatsOptions, NatsServer};
use sb_outbox::Relay;
use sb_testkit::{TestBus, TestDb, wait_until};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const AT: chrono::DateTime<chrono::Utc> = chrono::DateTime::UNIX_EPOCH;

/// A database, a tenant in it, and relays.
struct Rig {
    db: Db,
    organization: OrganizationId,
    relays: JoinSet<()>,
    stopping: CancellationToken,
    _test_db: TestDb,
}

impl Rig {
    async fn new(bus: &Bus) -> Self {
        let test_db = TestDb::create().await;
        let db = test_db.open(bus.topology().clone()).await;
        let organization = OrganizationId::new(AT);
        let mut tx = db.system(SystemReason::Provisioning).await.unwrap();
        tx.organizations()
            .insert(organization, "o", AT)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        Self {
            db,
            organization,
            relays: JoinSet::new(),
            stopping: CancellationToken::new(),
            _test_db: test_db,
        }
    }

    fn event(&self, n: usize) -> MessageReceived {
        let conversation = ConversationId::derive(self.organization.as_uuid(), "one");
        let id = EventId::derive(self.organization.as_uuid(), &n.to_string());
        MessageReceived {
            meta: Some(meta(id, AT, self.organization, Origin::default())),
            message: Some(MessageRef {
                conversation_id: conversation.to_string(),
                ..MessageRef::default()
            }),
            content_type: n.to_string(),
            ..MessageReceived::default()
        }
    }

    /// Commits events, so many in a transaction.
    async fn commit(&self, numbers: std::ops::Range<usize>, together: usize) {
        let numbers: Vec<usize> = numbers.collect();
        for chunk in numbers.chunks(together) {
            let mut tx = self.db.tenant(self.organization).await.unwrap();
            for n in chunk {
                tx.outbox().append(&self.event(*n), AT).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    }

    fn relay(&mut self, bus: &Bus, poll_interval: Duration) {
        let settings = OutboxSettings {
            batch: 100,
            poll_interval_ms: u64::try_from(poll_interval.as_millis()).unwrap(),
        };
        let relay = Relay::new(self.db.clone(), bus, &settings);
        self.relays.spawn(relay.run(self.stopping.clone()));
    }

    async fn waiting(&self) -> i64 {
        let mut tx = self.db.system(SystemReason::Operations).await.unwrap();
        let waiting = tx.outbox().waiting().await.unwrap();
        tx.rollback().await.unwrap();
        waiting
    }

    async fn stop(mut self) {
        self.stopping.cancel();
        while let Some(ended) = self.relays.join_next().await {
            ended.unwrap();
        }
        self.db.close().await;
    }
}

async fn numbers(tap: &mut Tap, count: usize) -> Vec<usize> {
    let events = tap
        .take(count)
        .map(|(_, item)| MessageReceived::decode(item.payload).unwrap());
    events
        .map(|event| event.content_type.parse::<usize>().unwrap())
        .collect()
        .await
}

#[tokio::test]
async fn committed_events_are_published_in_order_and_deleted() {
    let test_bus = TestBus::create().await;
    let bus = test_bus.open().await;
    let mut rig = Rig::new(&bus).await;
    let mut tap = bus.tap(rig.organization, TapStart::New).await.unwrap();
    rig.commit(0..250, 50).await;
    rig.relay(&bus, Duration::from_mins(10));
    assert_eq!(numbers(&mut tap, 250).await, (0..250).collect::<Vec<_>>());
    wait_until("the outbox is empty", async || rig.waiting().await == 0).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_commit_wakes_the_relay() {
    let test_bus = TestBus::create().await;
    let bus = test_bus.open().await;
    let mut rig = Rig::new(&bus).await;
    let mut tap = bus.tap(rig.organization, TapStart::New).await.unwrap();
    rig.relay(&bus, Duration::from_mins(10));
    for n in 0..20 {
        rig.commit(n..n + 1, 1).await;
        assert_eq!(numbers(&mut tap, 1).await, [n]);
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_relays_publish_everything_once_and_in_order() {
    let test_bus = TestBus::create().await;
    let bus = test_bus.open().await;
    let mut rig = Rig::new(&bus).await;
    let mut tap = bus.tap(rig.organization, TapStart::New).await.unwrap();
    for _ in 0..3 {
        rig.relay(&bus, Duration::from_millis(20));
    }
    rig.commit(0..300, 3).await;
    assert_eq!(numbers(&mut tap, 300).await, (0..300).collect::<Vec<_>>());
    rig.stop().await;
}

#[tokio::test]
async fn events_outlast_a_killed_bus() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut server = NatsServer::start(dir.path(), NatsOptions::default())
        .await
        .unwrap();
    let settings = NatsSettings {
        url: server.url().into(),
        ..NatsSettings::default()
    };
    let bus = Bus::connect(&settings).await.unwrap();
    bus.ensure_streams().await.unwrap();
    let mut rig = Rig::new(&bus).await;
    let mut tap = bus.tap(rig.organization, TapStart::New).await.unwrap();
    rig.relay(&bus, Duration::from_millis(50));
    rig.commit(0..50, 5).await;
    server.kill().await.unwrap();
    rig.commit(50..100, 5).await;
    server.restart().await.unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&99) {
        seen.extend(numbers(&mut tap, 1).await);
    }
    // What was published when the bus died may come twice, but nothing is missing.
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
    wait_until("the outbox is empty", async || rig.waiting().await == 0).await;
    rig.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_published_stays_and_holds_up_nothing() {
    let test_bus = TestBus::create().await;
    let bus = test_bus.open().await;
    let mut rig = Rig::new(&bus).await;
    let mut tap = bus.tap(rig.organization, TapStart::New).await.unwrap();
    let huge = Addressed {
        payload: vec![0; 12 << 20].into(),
        ..Addressed::new(bus.topology(), &rig.event(0)).unwrap()
    };
    let mut tx = rig.db.system(SystemReason::OutboxRelay).await.unwrap();
    tx.outbox()
        .append_all(&[(rig.organization, huge)], AT)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    rig.commit(1..6, 1).await;
    rig.relay(&bus, Duration::from_millis(50));
    assert_eq!(numbers(&mut tap, 5).await, [1, 2, 3, 4, 5]);
    wait_until("only the huge one is left", async || {
        rig.waiting().await == 1
    })
    .await;
    rig.stop().await;
}

#[tokio::test]
async fn what_was_committed_last_is_published_before_the_relay_ends() {
    let test_bus = TestBus::create().await;
    let bus = test_bus.open().await;
    let mut rig = Rig::new(&bus).await;
    rig.stopping.cancel();
    rig.commit(0..10, 10).await;
    rig.relay(&bus, Duration::from_mins(10));
    wait_until("the outbox is empty", async || rig.waiting().await == 0).await;
    rig.stop().await;
}
