//! Updates that stepped aside for a tenant's locked rows are run again by themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sb_bus::{Bus, BusError, PublishError};
use sb_db::{Db, DbError, SetAside, SystemReason};
use sb_domain::Clock;
use sb_events::proto::update::v1::{RawPost, Replay};
use sb_ids::EventId;
use tokio_util::sync::CancellationToken;

use super::store::LOCKED;

const EVERY: Duration = Duration::from_secs(5);
/// Long enough for whoever holds the rows to be done, mostly.
const REST: TimeDelta = TimeDelta::seconds(10);
/// A replay that is under way for longer got lost.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(1);
const POSTS_AT_ONCE: i64 = 200;

#[derive(Debug, thiserror::Error)]
enum AgainError {
    #[error("reading which updates stepped aside")]
    Database(#[from] DbError),
    #[error("finding the posts of updates that stepped aside")]
    Find(#[from] BusError),
    #[error("running updates again that stepped aside")]
    Publish(#[from] PublishError),
}

/// Runs what stepped aside again, until the end. Safe on many replicas: ingest stores nothing twice.
pub(crate) async fn run(bus: Bus, db: Db, clock: Clock, stopping: CancellationToken) {
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = run_again(&bus, &db, clock.now()).await {
            tracing::warn!(
                error = sb_telemetry::as_error(&error),
                "updates that stepped aside wait on"
            );
        }
    }
}

async fn run_again(bus: &Bus, db: &Db, now: DateTime<Utc>) -> Result<(), AgainError> {
    let mut tx = db.system(SystemReason::Housekeeping).await?;
    let waiting = tx
        .quarantine()
        .take_set_aside(LOCKED, (now - REST, now - UNDER_WAY), now, POSTS_AT_ONCE)
        .await?;
    tx.commit().await?;
    let mut by_post: BTreeMap<_, Vec<SetAside>> = BTreeMap::new();
    for update in waiting {
        let posts = by_post.entry(update.post).or_default();
        posts.push(update);
    }
    let mut posts = Vec::with_capacity(by_post.len());
    for (id, updates) in by_post {
        let sequence = updates.iter().map(|update| update.source_sequence).max();
        let sequence = sequence.and_then(|sequence| u64::try_from(sequence).ok());
        let Some(post) = bus.find_post(sequence.unwrap_or_default(), id).await? else {
            // It stays in quarantine, whose list says what to do with what is no longer kept.
            tracing::error!(post.id = %id, "a post that stepped aside is no longer kept");
            continue;
        };
        let replay = Replay {
            replay_id: EventId::new(now).to_string(),
            places: updates.into_iter().map(|update| update.place).collect(),
        };
        posts.push(RawPost {
            replay: Some(replay),
            ..post
        });
    }
    if !posts.is_empty() {
        bus.publisher().publish_raw_posts(posts).await?;
    }
    Ok(())
}
