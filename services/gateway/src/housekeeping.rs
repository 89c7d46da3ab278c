//! Forgetting what has expired.

use std::time::Duration;

use sb_db::{Db, DbError, SystemReason};
use sb_domain::Clock;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_mins(10);

/// Removes expired idempotency keys and replaced flow keys until the end. Safe on many replicas: removing twice is removing once.
pub(crate) async fn run(db: Db, clock: Clock, stopping: CancellationToken) {
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = forget(&db, &clock).await {
            tracing::warn!(
                error = sb_telemetry::as_error(&error),
                "what has expired could not be removed, trying again later"
            );
        }
    }
}

async fn forget(db: &Db, clock: &Clock) -> Result<(), DbError> {
    let mut tx = db.system(SystemReason::Housekeeping).await?;
    tx.delete_expired_idempotency(clock.now()).await?;
    tx.forget_replaced_flow_keys(clock.now()).await?;
    tx.commit().await
}
