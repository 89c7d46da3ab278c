//! Which posts are run again.

use anyhow::ensure;
use chrono::{DateTime, Utc};
use sb_config::{Need, Settings};
use sb_db::{Db, PageRequest};
use sb_events::proto::update::v1::{RawPost, Replay};
use sb_events::{Topology, from_micros};
use sb_ids::OrganizationId;

use crate::cli::updates::ReplayArgs;

/// Numbers read at once.
const PAGE: u16 = 200;

/// What a run takes, and what it makes of it.
#[derive(Debug)]
pub(super) struct Selection {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Ids of which a post must mention one; empty for any post.
    mentions: Vec<String>,
    run: String,
}

/// How many posts were taken, and why others were not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) taken: u64,
    pub(super) outside: u64,
    pub(super) replays: u64,
    pub(super) of_others: u64,
}

impl Selection {
    /// Reads what an organization has from the database, if one is named.
    pub(super) async fn new(
        args: &ReplayArgs,
        settings: &Settings,
        run: String,
    ) -> anyhow::Result<Self> {
        let mut mentions = args.phone_number_id.clone();
        if let Some(organization) = args.organization {
            mentions.extend(ids_of(organization, settings).await?);
        }
        Ok(Self {
            from: args.from,
            to: args.to,
            mentions,
            run,
        })
    }

    /// The posts of an envelope to be published again.
    pub(super) fn take(&self, posts: Vec<RawPost>, counts: &mut Counts) -> Vec<RawPost> {
        let mut taken = Vec::with_capacity(posts.len());
        for post in posts {
            let at = from_micros(post.received_at_us);
            // A copy's original has its own place; runs would feed on each other.
            if post.replay.is_some() {
                counts.replays += 1;
            } else if at < self.from || at >= self.to {
                counts.outside += 1;
            } else if !self.is_mentioned(&post.body) {
                counts.of_others += 1;
            } else {
                counts.taken += 1;
                taken.push(RawPost {
                    replay: Some(Replay {
                        replay_id: self.run.clone(),
                        places: Vec::new(),
                        set_aside: false,
                    }),
                    ..post
                });
            }
        }
        taken
    }

    /// Without parsing: a post taken by mistake changes nothing.
    fn is_mentioned(&self, body: &[u8]) -> bool {
        self.mentions.is_empty()
            || self.mentions.iter().any(|id| {
                body.windows(id.len().max(1))
                    .any(|part| part == id.as_bytes())
            })
    }
}

/// Meta's ids of an organization's numbers and accounts.
async fn ids_of(organization: OrganizationId, settings: &Settings) -> anyhow::Result<Vec<String>> {
    settings.require(&[Need::DatabaseUrl])?;
    let db = Db::connect(&settings.database, Topology::new(&settings.nats.prefix)).await?;
    db.check_migrations().await?;
    let mut tx = db.tenant(organization).await?;
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let request = PageRequest { limit: PAGE, after };
        let page = tx.numbers().list(request).await?;
        for number in page.items {
            ids.push(number.phone_number_id.to_string());
            ids.push(number.waba.to_string());
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    tx.rollback().await?;
    ids.sort_unstable();
    ids.dedup();
    ensure!(
        !ids.is_empty(),
        "the organization {organization} has no number: nothing can be run again for it"
    );
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sb_events::micros;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn selection(mentions: &[&str]) -> Selection {
        Selection {
            from: at(100),
            to: at(200),
            mentions: mentions.iter().map(|id| (*id).to_owned()).collect(),
            run: "run".to_owned(),
        }
    }

    fn post(seconds: i64, body: &str) -> RawPost {
        RawPost {
            post_id: format!("post at {seconds}"),
            received_at_us: micros(at(seconds)),
            body: body.to_owned().into(),
            ..RawPost::default()
        }
    }

    #[test]
    fn the_range_has_its_start_and_not_its_end() {
        let posts = [99, 100, 199, 200].map(|seconds| post(seconds, ""));
        let mut counts = Counts::default();
        let taken = selection(&[]).take(posts.to_vec(), &mut counts);
        let ids: Vec<&str> = taken.iter().map(|post| post.post_id.as_str()).collect();
        assert_eq!(ids, ["post at 100", "post at 199"]);
        assert_eq!((counts.taken, counts.outside), (2, 2));
    }

    #[test]
    fn only_posts_that_mention_a_wanted_id_are_taken() {
        let posts = vec![
            post(100, r#"{"phone_number_id":"42"}"#),
            post(100, r#"{"phone_number_id":"43"}"#),
            post(100, ""),
        ];
        let mut counts = Counts::default();
        let taken = selection(&["42", "7"]).take(posts, &mut counts);
        assert_eq!((taken.len(), counts.of_others), (1, 2));
    }

    proptest! {
        #[test]
        fn what_a_run_made_is_never_taken_again(times in proptest::collection::vec(0_i64..300, 0..50)) {
            let posts: Vec<RawPost> = times.iter().map(|seconds| post(*seconds, "")).collect();
            let mut counts = Counts::default();
            let once = selection(&[]).take(posts, &mut counts);
            prop_assert!(once.iter().all(|post| post.replay.as_ref().is_some_and(|r| r.replay_id == "run")));
            let twice = selection(&[]).take(once.clone(), &mut counts);
            prop_assert_eq!(twice.len(), 0);
            prop_assert_eq!(counts.replays, u64::try_from(once.len()).unwrap());
        }
    }
}
