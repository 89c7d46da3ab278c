//! Waiting for conditions: the only place where tests sleep.

use std::time::Duration;

use sb_bus::Bus;
use sb_db::{Db, SystemReason};
use sb_events::consumers::ConsumerSpec;
use tokio::time::Instant;

/// Far longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(10);

/// Waits until a condition holds, and fails the test when it never does.
pub async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    wait_for(what, async || condition().await.then_some(())).await;
}

/// Waits for a value, and fails the test when it never comes.
pub async fn wait_for<T>(what: &str, mut value: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = value().await {
            return value;
        }
        assert!(Instant::now() < deadline, "still waiting: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until nothing is under way: the outbox is empty and the consumers have finished everything.
pub async fn settled(db: &Db, bus: &Bus, consumers: &[ConsumerSpec]) {
    wait_until("everything is settled", async || {
        // Twice, because a consumer's work may fill the outbox again.
        is_idle(db, bus, consumers).await && is_idle(db, bus, consumers).await
    })
    .await;
}

async fn is_idle(db: &Db, bus: &Bus, consumers: &[ConsumerSpec]) -> bool {
    let mut tx = db.system(SystemReason::Operations).await.unwrap();
    let waiting = tx.outbox().waiting().await.unwrap();
    tx.rollback().await.unwrap();
    if waiting > 0 {
        return false;
    }
    for spec in consumers {
        if !bus
            .pending(spec)
            .await
            .is_ok_and(|backlog| backlog.is_empty())
        {
            return false;
        }
    }
    true
}
