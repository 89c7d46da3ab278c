//! Files whose command was lost are asked for again.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sb_db::{Db, DbError, SystemReason};
use sb_domain::Clock;
use sb_events::fetch_media_again;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_mins(10);
/// Longer than all tries of a command take.
const OVERDUE_AFTER: TimeDelta = TimeDelta::hours(6);
const FILES_AT_ONCE: i64 = 500;

/// Looks for overdue files until the end. Safe on many replicas: each file goes to one of them.
pub(super) async fn run(db: Db, clock: Clock, stopping: CancellationToken) {
    loop {
        if let Err(error) = ask_again(&db, clock.now()).await {
            tracing::warn!(
                error = sb_telemetry::as_error(&error),
                "files that wait for too long could not be looked for, trying again later"
            );
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn ask_again(db: &Db, now: DateTime<Utc>) -> Result<(), DbError> {
    let mut tx = db.system(SystemReason::Housekeeping).await?;
    let files = tx
        .ask_for_overdue_files(now - OVERDUE_AFTER, now, FILES_AT_ONCE)
        .await?;
    if files.is_empty() {
        return tx.rollback().await;
    }
    tracing::warn!(
        files = files.len(),
        "files waited for too long and are asked for again"
    );
    let mut outbox = tx.outbox();
    let mut commands = Vec::with_capacity(files.len());
    for file in &files {
        let command = fetch_media_again(file.organization, file.id, now);
        commands.push((file.organization, outbox.address(&command)?));
    }
    outbox.append_all(&commands, now).await?;
    tx.commit().await
}
