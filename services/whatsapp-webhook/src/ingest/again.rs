//! Updates that stepped aside for a tenant's locked rows are run again by themselves.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sb_bus::{Bus, BusError, PublishError};
use sb_db::{Db, DbError, SetAside, SystemReason};
use sb_domain::Clock;
use sb_events::proto::update::v1::{RawPost, Replay};
use sb_ids::{EventId, PostId};
use tokio_util::sync::CancellationToken;

use super::store::LOCKED;

const EVERY: Duration = Duration::from_secs(5);
/// Long enough for whoever holds the rows to be done, mostly. Doubled after each try in vain.
const REST: TimeDelta = TimeDelta::seconds(10);
/// A replay that is under way for longer got lost.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(15);
const POSTS_AT_ONCE: i64 = 200;
/// Why an update stands in quarantine that cannot be run again.
const EXPIRED: &str = "post.expired";

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
    let forever = async {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = run_again(&bus, &db, clock.now()).await {
                tracing::warn!(
                    error = sb_telemetry::as_error(&error),
                    "updates that stepped aside wait on"
                );
            }
        }
    };
    // What is given up in the middle counts as under way, and is run again later.
    tokio::select! {
        () = stopping.cancelled() => {}
        () = forever => {}
    }
}

async fn run_again(bus: &Bus, db: &Db, now: DateTime<Utc>) -> Result<(), AgainError> {
    let mut tx = db.system(SystemReason::Housekeeping).await?;
    let waiting = tx
        .quarantine()
        .take_set_aside(LOCKED, (REST, now - UNDER_WAY), now, POSTS_AT_ONCE)
        .await?;
    tx.commit().await?;
    let mut posts = Vec::new();
    for updates in waiting.chunk_by(|one, other| one.post == other.post) {
        let Some(SetAside {
            post: id,
            source_sequence,
            ..
        }) = updates.first()
        else {
            continue;
        };
        let sequence = u64::try_from(*source_sequence).unwrap_or_default();
        let Some(post) = bus.find_post(sequence, *id).await? else {
            expire(db, *id).await?;
            continue;
        };
        let replay = Replay {
            replay_id: EventId::new(now).to_string(),
            places: updates.iter().map(|update| update.place.clone()).collect(),
            set_aside: true,
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

async fn expire(db: &Db, post: PostId) -> Result<(), DbError> {
    tracing::error!(%post, "a post that stepped aside is no longer kept, somebody has to look at it");
    let mut tx = db.system(SystemReason::Housekeeping).await?;
    tx.quarantine()
        .change_reason(post, (LOCKED, EXPIRED))
        .await?;
    tx.commit().await
}
