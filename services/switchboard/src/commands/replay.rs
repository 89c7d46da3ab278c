//! `switchboard replay`: the updates of a time once more.
//!
//! Posts are read from `UPDATES` an envelope at a time and published there again, marked as replays; ingest stores what
//! was missing, and nothing twice. Live traffic goes first: a replay waits while ingest has a backlog. It ends at what
//! was in the stream when it began, and leaves out what is a replay itself.

mod progress;
mod selection;

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use sb_bus::{Bus, KeptPosts, Publisher};
use sb_config::{Need, Settings};
use sb_domain::Clock;
use sb_events::consumers::{self, ConsumerSpec};
use sb_ids::EventId;
use sb_service::Lifecycle;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::progress::{Progress, note};
use self::selection::{Counts, Selection};
use crate::cli::updates::ReplayArgs;

/// Envelopes that ingest may have before it while a replay adds to them.
const MOST_WAITING: u64 = 8;
/// How often is looked whether there are fewer.
const LOOK: Duration = Duration::from_millis(100);
/// A post is durable at most this long after it came.
const SLOWEST_COMMIT: TimeDelta = TimeDelta::minutes(1);
/// Envelopes between two looks at the room that is left in the stream.
const ROOM_EVERY: u64 = 64;

/// Runs it.
pub(super) async fn run(args: &ReplayArgs, settings: &Settings) -> anyhow::Result<()> {
    settings.require(&[Need::NatsUrl])?;
    ensure!(args.from < args.to, "--from must be before --to");
    let lifecycle = Lifecycle::new(Duration::from_secs(5));
    lifecycle.stop_on_signals()?;
    let run = EventId::new(Clock::system().now()).to_string();
    let selection = Selection::new(args, settings, run).await?;
    let bus = Bus::connect(&settings.nats).await?;
    let mut replay = Replay::begin(&bus, args, selection, lifecycle.stopping()).await?;
    let ended = replay.work().await;
    let done = replay.done;
    ended.with_context(|| format!("the replay stopped; go on with --after {done}"))?;
    replay.summarize(args);
    if !replay.is_complete {
        bail!("interrupted; go on with --after {done}");
    }
    Ok(())
}

/// One run.
struct Replay {
    bus: Bus,
    publisher: Publisher,
    ingest: ConsumerSpec,
    selection: Selection,
    stopping: CancellationToken,
    is_dry: bool,
    /// Where the stream ended when the run began.
    last: u64,
    /// Nothing stored later can be in the range.
    horizon: DateTime<Utc>,
    /// Everything up to this place is done.
    done: u64,
    envelopes: u64,
    counts: Counts,
    /// Place of the last copy.
    published: Option<u64>,
    /// The end of the range was reached.
    is_complete: bool,
    progress: Progress,
}

impl Replay {
    async fn begin(
        bus: &Bus,
        args: &ReplayArgs,
        selection: Selection,
        stopping: CancellationToken,
    ) -> anyhow::Result<Self> {
        let kept = bus.kept_posts().await?;
        let first = bus.place_of_posts_at(args.from).await?;
        if kept.first > 1 && first <= kept.first {
            note(
                "the oldest post that is kept is of that time or later: what came before it is gone",
            );
        }
        let done = first.saturating_sub(1).max(args.after.unwrap_or_default());
        Ok(Self {
            bus: bus.clone(),
            publisher: bus.publisher(),
            ingest: consumers::ingest(bus.topology()),
            selection,
            stopping,
            is_dry: args.dry_run,
            last: kept.last,
            horizon: args.to + SLOWEST_COMMIT,
            done,
            envelopes: 0,
            counts: Counts::default(),
            published: None,
            is_complete: false,
            progress: Progress::new(),
        })
    }

    /// Goes through the range until its end or until somebody stops it.
    async fn work(&mut self) -> anyhow::Result<()> {
        while self.done < self.last {
            let found = tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(()),
                found = self.bus.next_posts(self.done + 1) => found?,
            };
            let Some(envelope) = found else { break };
            if envelope.sequence > self.last || envelope.stored_at > self.horizon {
                break;
            }
            let mut counts = self.counts;
            let posts = self.selection.take(envelope.posts, &mut counts);
            if !posts.is_empty() && !self.is_dry {
                if !self.wait_for_ingest().await? {
                    return Ok(());
                }
                self.published = Some(self.publisher.publish_raw_posts(posts).await?);
            }
            self.counts = counts;
            self.done = envelope.sequence;
            self.envelopes += 1;
            let (place, last, taken) = (self.done, self.last, self.counts.taken);
            self.progress.say(|| {
                let at = envelope.stored_at.format("%Y-%m-%d %H:%M:%S");
                format!("place {place} of {last} ({at}), {taken} posts taken")
            });
        }
        self.is_complete = true;
        self.wait_for_the_end().await
    }

    /// Lets live traffic go first. `false` when somebody stops the run meanwhile.
    async fn wait_for_ingest(&mut self) -> anyhow::Result<bool> {
        if self.envelopes.is_multiple_of(ROOM_EVERY) {
            check_room(&self.bus.kept_posts().await?)?;
        }
        loop {
            let backlog = self
                .bus
                .pending(&self.ingest)
                .await
                .context("is whatsapp-webhook running?")?;
            if backlog.total() <= MOST_WAITING {
                return Ok(true);
            }
            self.progress.say(|| {
                format!(
                    "waiting: ingest has {} envelopes before it",
                    backlog.total()
                )
            });
            tokio::select! {
                () = self.stopping.cancelled() => return Ok(false),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Until ingest has run everything that was published.
    async fn wait_for_the_end(&mut self) -> anyhow::Result<()> {
        let Some(published) = self.published else {
            return Ok(());
        };
        while !self.bus.is_finished(&self.ingest, published).await? {
            self.progress
                .say(|| "waiting until ingest has run everything".to_owned());
            tokio::select! {
                () = self.stopping.cancelled() => {
                    note("ingest is still at it, and will finish by itself");
                    return Ok(());
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(())
    }

    fn summarize(&self, args: &ReplayArgs) {
        let Counts {
            taken,
            outside,
            replays,
            of_others,
        } = self.counts;
        let text = if args.json {
            let summary = json!({
                "posts": taken,
                "left_out": { "outside": outside, "replays": replays, "of_others": of_others },
                "envelopes": self.envelopes,
                "after": self.done,
                "dry_run": args.dry_run,
            });
            summary.to_string()
        } else {
            let verb = if args.dry_run { "would be" } else { "were" };
            format!(
                "{taken} posts {verb} run again; of {} envelopes up to place {}, {outside} posts are of another time, \
                 {replays} are replays, {of_others} are of others",
                self.envelopes, self.done
            )
        };
        super::print(&text);
    }
}

/// A full stream would refuse Meta's new posts.
fn check_room(kept: &KeptPosts) -> anyhow::Result<()> {
    let is_roomy = kept.max_bytes.is_none_or(|most| kept.bytes < most / 10 * 9);
    ensure!(
        is_roomy,
        "the stream of updates is nearly full ({} bytes): raise nats.stream_max_bytes, so that new posts still fit \
         beside those of a replay",
        kept.bytes
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_stops_before_the_stream_is_full() {
        let kept = |bytes, max_bytes| KeptPosts {
            first: 1,
            last: 9,
            bytes,
            max_bytes,
        };
        assert!(check_room(&kept(u64::MAX, None)).is_ok());
        assert!(check_room(&kept(899, Some(1_000))).is_ok());
        assert!(check_room(&kept(900, Some(1_000))).is_err());
    }
}
