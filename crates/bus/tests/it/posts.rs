//! Reading posts again by their place.

use chrono::{DateTime, TimeDelta, Utc};
use sb_events::Stream;
use sb_events::proto::update::v1::{RawPost, Replay};
use sb_ids::PostId;
use uuid::Uuid;

use crate::support::Rig;

fn id(n: u128) -> PostId {
    PostId::from_uuid(Uuid::from_u128(n))
}

fn post(n: u128) -> RawPost {
    RawPost {
        post_id: id(n).to_string(),
        body: format!("body {n}").into(),
        ..RawPost::default()
    }
}

/// One envelope for each range; returns when each was stored.
async fn publish(rig: &Rig, envelopes: &[std::ops::Range<u128>]) -> Vec<DateTime<Utc>> {
    let publisher = rig.bus.publisher();
    let mut times = Vec::new();
    for numbers in envelopes {
        let posts = numbers.clone().map(post).collect();
        let sequence = publisher.publish_raw_posts(posts).await.unwrap();
        let stored = rig.bus.next_posts(sequence).await.unwrap().unwrap();
        times.push(stored.stored_at);
    }
    times
}

async fn delete(rig: &Rig, sequence: u64) {
    let name = Stream::Updates.name(rig.topology());
    let stream = rig.jetstream().await.get_stream(name).await.unwrap();
    assert!(stream.delete_message(sequence).await.unwrap());
}

#[tokio::test]
async fn posts_are_read_one_envelope_after_another_over_gaps_to_the_end() {
    let rig = Rig::start().await;
    publish(&rig, &[0..3, 3..4, 4..6]).await;
    delete(&rig, 2).await;
    let mut seen = Vec::new();
    let mut next = 0;
    while let Some(envelope) = rig.bus.next_posts(next).await.unwrap() {
        next = envelope.sequence + 1;
        seen.push((envelope.sequence, envelope.posts));
    }
    let expected = [(1, (0..3).map(post).collect()), (3, vec![post(4), post(5)])];
    assert_eq!(seen, expected);
    let kept = rig.bus.kept_posts().await.unwrap();
    assert_eq!((kept.first, kept.last, kept.max_bytes), (1, 3, None));
    assert!(kept.bytes > 0);
}

#[tokio::test]
async fn a_post_is_found_in_its_envelope_until_that_is_gone() {
    let rig = Rig::start().await;
    publish(&rig, &[0..3, 3..4]).await;
    let find = async |sequence, n| rig.bus.find_post(sequence, id(n)).await.unwrap();
    assert_eq!(find(1, 2).await, Some(post(2)));
    assert_eq!(find(1, 3).await, None, "it is in another envelope");
    assert_eq!(find(9, 3).await, None, "there is no such place");
    delete(&rig, 1).await;
    assert_eq!(find(1, 2).await, None, "it is no longer kept");
}

#[tokio::test]
async fn the_place_of_a_time_is_that_of_the_first_envelope_not_older() {
    let rig = Rig::start().await;
    let nowhere = rig.bus.place_of_posts_at(DateTime::default());
    let nowhere = nowhere.await.unwrap();
    assert_eq!(rig.bus.next_posts(nowhere).await.unwrap(), None);
    let ranges: Vec<_> = (0..9).map(|n| n..n + 1).collect();
    let times = publish(&rig, &ranges).await;
    delete(&rig, 5).await;
    let place = async |at| {
        let place = rig.bus.place_of_posts_at(at).await.unwrap();
        let found = rig.bus.next_posts(place).await.unwrap();
        found.map(|envelope| envelope.sequence)
    };
    for (at, sequence) in times.iter().zip(1..) {
        let expected = if sequence == 5 { 6 } else { sequence };
        assert_eq!(place(*at).await, Some(expected));
    }
    let tick = TimeDelta::nanoseconds(1);
    assert_eq!(place(times[0] - TimeDelta::days(1)).await, Some(1));
    assert_eq!(place(times[2] + tick).await, Some(4));
    assert_eq!(place(times[8] + tick).await, None);
}

#[tokio::test]
async fn a_post_is_published_again_once_a_run() {
    let rig = Rig::start().await;
    let publisher = rig.bus.publisher();
    let run = |replay_id: Option<&str>| {
        let mut post = post(1);
        post.replay = replay_id.map(|replay_id| Replay {
            replay_id: replay_id.to_owned(),
            places: Vec::new(),
            set_aside: false,
        });
        vec![post]
    };
    let mut places = Vec::new();
    for replay_id in [None, None, Some("a"), Some("a"), Some("b")] {
        let posts = run(replay_id);
        places.push(publisher.publish_raw_posts(posts).await.unwrap());
    }
    assert_eq!(places, [1, 1, 2, 2, 3]);
}
