//! Packing: several events of one subject travel in one message, so that the server's fsync is paid
//! once. Nobody outside this crate sees an envelope.

use std::collections::HashMap;

use bytes::Bytes;
use prost::{Message, Name};
use ring::digest::{Context, SHA256};
use sb_events::Addressed;
use sb_events::proto::bus::v1::{Envelope, Item};
use sb_events::proto::update::v1::RawPost;
use sb_ids::{EventId, PostId};

/// Items in one envelope.
const MAX_ITEMS: usize = 256;
/// Bytes of one envelope, unless one item alone is larger.
const MAX_BYTES: usize = 512 * 1024;
/// Length prefixes and tags around one item.
const ITEM_OVERHEAD: usize = 16;

/// An event with the trace it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Traced<'a> {
    /// The event.
    pub event: &'a Addressed,
    /// The trace headers that were stored with it; empty to take the current span's.
    pub trace: &'a [(String, String)],
}

/// An encoded envelope.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    pub(crate) subject: String,
    /// What the first item is, to be named in errors.
    pub(crate) type_name: String,
    /// The same items always have the same id: the server drops a second copy.
    pub(crate) message_id: String,
    pub(crate) payload: Bytes,
    pub(crate) items: usize,
}

/// Envelopes of one subject, in the order in which they must be published.
pub(crate) type Lane = Vec<Packed>;

/// Packs events subject by subject, keeping the order within each.
pub(crate) fn pack<'a>(
    events: impl IntoIterator<Item = Traced<'a>>,
    current_trace: &HashMap<String, String>,
) -> Vec<Lane> {
    let mut order: Vec<(&str, Vec<Item>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for traced in events {
        let subject = traced.event.subject.as_str();
        let place = *places.entry(subject).or_insert_with(|| {
            order.push((subject, Vec::new()));
            order.len() - 1
        });
        if let Some((_, items)) = order.get_mut(place) {
            items.push(item(traced, current_trace));
        }
    }
    order
        .into_iter()
        .map(|(subject, items)| pack_items(subject, items))
        .collect()
}

fn item(traced: Traced<'_>, current_trace: &HashMap<String, String>) -> Item {
    let trace = if traced.trace.is_empty() {
        current_trace.clone()
    } else {
        traced.trace.iter().cloned().collect()
    };
    Item {
        event_id: traced.event.event_id.to_string(),
        r#type: traced.event.type_name.clone(),
        payload: traced.event.payload.clone(),
        trace,
    }
}

/// Packs raw posts: one envelope, or as many as the server's limit asks for.
pub(crate) fn pack_posts(
    subject: &str,
    posts: Vec<RawPost>,
    trace: &HashMap<String, String>,
    limit: usize,
) -> Lane {
    let items = posts.into_iter().map(|post| Item {
        payload: post.encode_to_vec().into(),
        event_id: post_item_id(post),
        r#type: RawPost::full_name(),
        trace: trace.clone(),
    });
    split(subject, items, usize::MAX, limit)
}

/// A post's own id; for one that is run again another one in each run, or the server would take it for a copy.
fn post_item_id(post: RawPost) -> String {
    match (&post.replay, PostId::parse(&post.post_id)) {
        (Some(replay), Ok(id)) => EventId::derive(id.as_uuid(), &replay.replay_id).to_string(),
        (Some(_), Err(_)) | (None, _) => post.post_id,
    }
}

/// Packs items of one subject.
pub(crate) fn pack_items(subject: &str, items: Vec<Item>) -> Lane {
    split(subject, items, MAX_ITEMS, MAX_BYTES)
}

fn split(
    subject: &str,
    items: impl IntoIterator<Item = Item>,
    max_items: usize,
    max_bytes: usize,
) -> Lane {
    let mut lane = Lane::new();
    let (mut open, mut bytes) = (Vec::new(), 0_usize);
    for item in items {
        let size = item.encoded_len() + ITEM_OVERHEAD;
        if !open.is_empty() && (open.len() >= max_items || bytes + size > max_bytes) {
            lane.extend(seal(subject, std::mem::take(&mut open)));
            bytes = 0;
        }
        bytes += size;
        open.push(item);
    }
    lane.extend(seal(subject, open));
    lane
}

fn seal(subject: &str, items: Vec<Item>) -> Option<Packed> {
    let type_name = items.first()?.r#type.clone();
    let message_id = message_id(items.iter().map(|item| item.event_id.as_bytes()));
    let count = items.len();
    Some(Packed {
        subject: subject.to_owned(),
        type_name,
        message_id,
        payload: Envelope { items }.encode_to_vec().into(),
        items: count,
    })
}

/// A digest of ids in their order.
pub(crate) fn message_id<'a>(ids: impl Iterator<Item = &'a [u8]>) -> String {
    let mut digest = Context::new(&SHA256);
    for id in ids {
        digest.update(id);
        digest.update(b"\n");
    }
    hex::encode(digest.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sb_events::Topology;
    use sb_events::proto::update::v1::Replay;
    use sb_ids::{Lane as EventLane, OrganizationId};
    use uuid::Uuid;

    use super::*;

    fn event(subject: u128, id: u128, size: usize) -> Addressed {
        let organization = OrganizationId::from_uuid(Uuid::from_u128(subject));
        let lane = EventLane::of(Uuid::nil());
        Addressed {
            event_id: Uuid::from_u128(id),
            type_name: "switchboard.test.v1.Something".to_owned(),
            subject: Topology::new("").event("test", organization, lane),
            payload: vec![0; size].into(),
        }
    }

    fn unpack(packed: &Packed) -> Vec<Uuid> {
        let envelope = Envelope::decode(packed.payload.clone()).unwrap();
        assert_eq!(envelope.items.len(), packed.items);
        let ids = envelope.items.iter();
        ids.map(|item| item.event_id.parse().unwrap()).collect()
    }

    fn pack_all(events: &[Addressed]) -> Vec<Lane> {
        let traced = events.iter().map(|event| Traced { event, trace: &[] });
        pack(traced, &HashMap::new())
    }

    #[test]
    fn a_stored_trace_wins_over_the_current_one() {
        let event = event(1, 1, 1);
        let current = HashMap::from([("traceparent".to_owned(), "now".to_owned())]);
        let stored = [("traceparent".to_owned(), "then".to_owned())];
        for (trace, expected) in [(stored.as_slice(), "then"), (&[], "now")] {
            let traced = Traced {
                event: &event,
                trace,
            };
            let lanes = pack([traced], &current);
            let envelope = Envelope::decode(lanes[0][0].payload.clone()).unwrap();
            assert_eq!(envelope.items[0].trace["traceparent"], expected);
        }
    }

    #[test]
    fn the_same_events_have_the_same_message_id_and_others_another() {
        let events = [event(1, 1, 1), event(1, 2, 1)];
        let id = |events: &[Addressed]| pack_all(events)[0][0].message_id.clone();
        assert_eq!(id(&events), id(&events));
        assert_ne!(id(&events), id(&events[..1]));
    }

    #[test]
    fn posts_share_one_envelope_up_to_the_servers_limit() {
        let post = |n: usize, size: usize| RawPost {
            post_id: n.to_string(),
            body: vec![0; size].into(),
            ..RawPost::default()
        };
        let trace = HashMap::new();
        let small: Vec<RawPost> = (0..300).map(|n| post(n, 1_000)).collect();
        assert_eq!(pack_posts("s", small, &trace, 1 << 20).len(), 1);
        let large: Vec<RawPost> = (0..3).map(|n| post(n, 600_000)).collect();
        assert_eq!(pack_posts("s", large, &trace, 1 << 20).len(), 3);
    }

    #[test]
    fn a_post_that_is_run_again_is_no_copy_for_the_server_but_the_same_run_is_one() {
        let message_id = |run: Option<&str>| {
            let post = RawPost {
                post_id: Uuid::from_u128(7).to_string(),
                replay: run.map(|run| Replay {
                    replay_id: run.to_owned(),
                    places: Vec::new(),
                    set_aside: false,
                }),
                ..RawPost::default()
            };
            let lane = pack_posts("s", vec![post], &HashMap::new(), 1 << 20);
            lane[0].message_id.clone()
        };
        assert_eq!(message_id(Some("a")), message_id(Some("a")));
        assert_ne!(message_id(Some("a")), message_id(Some("b")));
        assert_ne!(message_id(Some("a")), message_id(None));
    }

    proptest! {
        #[test]
        fn packing_loses_nothing_and_keeps_the_order_of_each_subject(
            sizes in proptest::collection::vec((0_u128..4, 0_usize..200_000), 0..40),
        ) {
            let events: Vec<Addressed> = sizes
                .iter()
                .zip(1_u128..)
                .map(|((subject, size), id)| event(*subject, id, *size))
                .collect();
            let lanes = pack_all(&events);
            for lane in &lanes {
                let subject = &lane[0].subject;
                let expected: Vec<Uuid> = events
                    .iter()
                    .filter(|event| event.subject.as_str() == subject)
                    .map(|event| event.event_id)
                    .collect();
                let packed: Vec<Uuid> = lane.iter().flat_map(unpack).collect();
                prop_assert_eq!(packed, expected);
                for packed in lane {
                    prop_assert_eq!(&packed.subject, subject);
                    prop_assert!(packed.payload.len() <= MAX_BYTES);
                }
            }
            let items: usize = lanes.iter().flatten().map(|packed| packed.items).sum();
            prop_assert_eq!(items, events.len());
        }
    }
}
