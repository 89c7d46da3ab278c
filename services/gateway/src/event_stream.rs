//! Events of one organization as server-sent events.
//!
//! In: the tap of `sb-bus`. Out: `id: <place>`, `event: <type>`, `data: <public event>`, and a comment every 15
//! seconds. Ends when the caller goes, the key stops being valid, or the gateway stops; a caller that comes back with
//! `Last-Event-ID` misses nothing.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use sb_bus::{Tap, TapPosition};
use sb_events::proto::bus::v1::Item;
use sb_events::public::{self, NotPublic};
use sb_http::Authenticator;
use sb_ids::{ApiKeyId, OrganizationId};
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

/// Proxies close connections that are silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The first bytes: they tell the caller that it is connected, and how long to wait before it comes back.
const GREETING: &str = ": connected\nretry: 2000\n\n";

/// An event as it is sent in `data` (only for the API's description).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventDocument {
    /// The same fact always has the same id.
    id: Uuid,
    /// `message.received`, `message.queued`, `message.accepted`, `message.failed`, `message.status`,
    /// `message.annotated`, `media.stored` or `number.changed`.
    #[serde(rename = "type")]
    #[schema(example = "message.received")]
    kind: String,
    /// When the fact became true.
    occurred_at: chrono::DateTime<chrono::Utc>,
    organization_id: Uuid,
    /// For events about a message.
    conversation_id: Option<Uuid>,
    /// The message's place in its conversation.
    sequence: Option<i64>,
    /// What happened.
    data: serde_json::Value,
}

/// The place of an event, as callers see it: `<stream sequence>-<index>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPlace(pub(crate) TapPosition);

/// A text that is not the id of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an event")]
pub(crate) struct InvalidPlace;

impl FromStr for EventPlace {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let read = || {
            let (sequence, index) = text.split_once('-')?;
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            (digits(sequence) && digits(index)).then_some(())?;
            Some(Self(TapPosition {
                sequence: sequence.parse().ok()?,
                index: index.parse().ok()?,
            }))
        };
        read().ok_or(InvalidPlace)
    }
}

impl std::fmt::Display for EventPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0.sequence, self.0.index)
    }
}

/// How many streams each key has open.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamSlots(Arc<Mutex<HashMap<ApiKeyId, usize>>>);

/// One open stream of a key; gives its place back when it is dropped.
#[derive(Debug)]
pub(crate) struct StreamSlot {
    slots: StreamSlots,
    key: ApiKeyId,
}

impl StreamSlots {
    /// Takes a place, unless the key has `limit` already.
    pub(crate) fn take(&self, key: ApiKeyId, limit: usize) -> Option<StreamSlot> {
        let mut open = self.open();
        let count = open.entry(key).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(StreamSlot {
            slots: self.clone(),
            key,
        })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<ApiKeyId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut open = self.slots.open();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

/// One caller's stream.
pub(crate) struct Feed {
    pub(crate) tap: Tap,
    pub(crate) organization: OrganizationId,
    pub(crate) authenticator: Authenticator,
    pub(crate) stopping: CancellationToken,
    pub(crate) slot: StreamSlot,
}

impl Feed {
    /// The bytes of the answer, until something ends it.
    pub(crate) fn into_bytes(self) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
        let start = tokio::time::Instant::now() + HEARTBEAT;
        let mut heartbeat = interval_at(start, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let greeting = stream::once(async { Ok(Bytes::from_static(GREETING.as_bytes())) });
        let events = stream::unfold((self, heartbeat), |(mut feed, mut heartbeat)| async move {
            let next = feed.next(&mut heartbeat).await?;
            Some((Ok(next), (feed, heartbeat)))
        });
        greeting.chain(events)
    }

    async fn next(&mut self, heartbeat: &mut Interval) -> Option<Bytes> {
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return None,
                _ = heartbeat.tick() => return self.beat().await,
                next = self.tap.next() => {
                    let (position, item) = next?;
                    if let Some(bytes) = render(EventPlace(position), &item) {
                        return Some(bytes);
                    }
                }
            }
        }
    }

    /// A comment, unless the key was revoked or has expired since the stream began.
    async fn beat(&mut self) -> Option<Bytes> {
        match self
            .authenticator
            .is_still_good(self.organization, self.slot.key)
            .await
        {
            Ok(true) => Some(Bytes::from_static(b": \n\n")),
            Ok(false) => None,
            Err(error) => {
                tracing::debug!(
                    error = sb_telemetry::as_error(&error),
                    "the key of an event stream could not be checked"
                );
                Some(Bytes::from_static(b": \n\n"))
            }
        }
    }
}

/// One event as it is sent; nothing for what tenants do not see.
fn render(place: EventPlace, item: &Item) -> Option<Bytes> {
    let event = match public::from_item(item) {
        Ok(event) => event,
        Err(NotPublic::Internal) => return None,
        Err(error @ (NotPublic::Undecodable(_) | NotPublic::Malformed(_))) => {
            tracing::warn!(
                error = sb_telemetry::as_error(&error),
                event.id = item.event_id.as_str(),
                "an event cannot be shown"
            );
            return None;
        }
    };
    let data = serde_json::to_string(&event).ok()?;
    Some(Bytes::from(format!(
        "id: {place}\nevent: {}\ndata: {data}\n\n",
        event.kind
    )))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use sb_events::proto::media::v1::MediaStored;
    use sb_events::{Addressed, Origin, Topology, meta};
    use sb_ids::{EventId, MediaId};

    use super::*;

    #[test]
    fn a_key_gets_its_place_back_when_a_stream_ends() {
        let slots = StreamSlots::default();
        let key = ApiKeyId::new(DateTime::from_timestamp(1, 0).unwrap());
        let first = slots.take(key, 1).unwrap();
        assert!(slots.take(key, 1).is_none());
        drop(first);
        assert!(slots.take(key, 1).is_some());
        assert!(slots.open().is_empty());
    }

    #[test]
    fn an_event_is_one_block_with_place_type_and_document() {
        let now = DateTime::from_timestamp(1, 0).unwrap();
        let media = MediaId::new(now);
        let event = MediaStored {
            meta: Some(meta(
                EventId::derive(media.as_uuid(), "x"),
                now,
                OrganizationId::new(now),
                Origin::default(),
            )),
            media_id: media.to_string(),
            mime_type: "text/csv\n".to_owned(),
            ..MediaStored::default()
        };
        let addressed = Addressed::new(&Topology::default(), &event).unwrap();
        let item = Item {
            event_id: addressed.event_id.to_string(),
            r#type: addressed.type_name,
            payload: addressed.payload,
            ..Item::default()
        };
        let place = EventPlace(TapPosition {
            sequence: 7,
            index: 2,
        });
        let text = String::from_utf8(render(place, &item).unwrap().to_vec()).unwrap();
        assert!(
            text.starts_with("id: 7-2\nevent: media.stored\ndata: {"),
            "{text}"
        );
        assert!(text.ends_with("}\n\n"));
        assert_eq!(
            text.lines().count(),
            4,
            "no line break of the data gets through: {text}"
        );
    }

    proptest! {
        #[test]
        fn every_place_comes_back(sequence: u64, index: u32) {
            let place = EventPlace(TapPosition { sequence, index });
            prop_assert_eq!(place.to_string().parse(), Ok(place));
        }

        #[test]
        fn any_text_is_taken_or_refused_without_a_panic(text in ".*") {
            if let Ok(place) = text.parse::<EventPlace>() {
                prop_assert_eq!(place.to_string().parse(), Ok(place));
            }
        }
    }
}
