//! Forgetting what has expired.

use std::time::Duration;

use sb_db::{Db, DbError, ExpiredFile, SystemReason};
use sb_domain::Clock;
use sb_media::{MediaError, MediaKey, MediaStore};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_mins(10);
/// Files that one statement looks at.
const FILES_AT_ONCE: i64 = 500;

/// Removes expired idempotency keys, replaced flow keys and files that were kept long enough until the end. Safe on
/// many replicas: removing twice is removing once.
pub(crate) async fn run(db: Db, store: MediaStore, clock: Clock, stopping: CancellationToken) {
    loop {
        forget_all(&db, &store, &clock).await;
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn forget_all(db: &Db, store: &MediaStore, clock: &Clock) {
    if let Err(error) = forget(db, clock).await {
        tracing::warn!(
            error = sb_telemetry::as_error(&error),
            "what has expired could not be removed, trying again later"
        );
    }
    if let Err(error) = forget_files(db, store, clock).await {
        tracing::warn!(
            error = sb_telemetry::as_error(&error),
            "files that were kept long enough could not be removed, trying again later"
        );
    }
}

/// Why files could not be removed.
#[derive(Debug, thiserror::Error)]
enum ForgetError {
    #[error("reading which files were kept long enough")]
    Database(#[from] DbError),
    #[error("removing a file")]
    Storage(#[from] MediaError),
}

/// First the rows say so, then the bytes go: a run that ends in between is finished by the next one.
async fn forget_files(db: &Db, store: &MediaStore, clock: &Clock) -> Result<(), ForgetError> {
    loop {
        let mut tx = db.system(SystemReason::Housekeeping).await?;
        let marked = tx
            .media_retention()
            .expire(clock.now(), FILES_AT_ONCE)
            .await?;
        let expired = tx.media_retention().expired(FILES_AT_ONCE).await?;
        tx.commit().await?;
        for file in &expired {
            forget_file(db, store, file).await?;
        }
        if marked == 0 && expired.is_empty() {
            return Ok(());
        }
    }
}

async fn forget_file(db: &Db, store: &MediaStore, file: &ExpiredFile) -> Result<(), ForgetError> {
    let mut tx = db.system(SystemReason::Housekeeping).await?;
    for key in tx.media_retention().release(file).await? {
        // What is no key of the organization was never one of its objects.
        if let Ok(key) = MediaKey::parse(file.organization, &key) {
            store.delete(&key).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

async fn forget(db: &Db, clock: &Clock) -> Result<(), DbError> {
    let mut tx = db.system(SystemReason::Housekeeping).await?;
    tx.delete_expired_idempotency(clock.now()).await?;
    tx.forget_replaced_flow_keys(clock.now()).await?;
    tx.commit().await
}
