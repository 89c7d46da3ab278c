//! Reading Meta's posts again, one envelope at a time by its place in the stream: no consumer, no state on the
//! server, and never more than one envelope in memory.

use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, State};
use chrono::{DateTime, Utc};
use prost::Message as _;
use sb_events::Stream;
use sb_events::proto::bus::v1::Envelope;
use sb_events::proto::update::v1::RawPost;
use sb_ids::PostId;

use crate::backoff::Backoff;
use crate::pull::instant;
use crate::{BoxError, Bus, BusError};

/// Tries before a server that does not answer is an error.
const TRIES: i64 = 5;
/// How long a replica that has not heard of an envelope gets to catch up with its leader.
const CATCHING_UP: Duration = Duration::from_millis(100);

/// What the stream of posts holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptPosts {
    /// Place of the oldest envelope.
    pub first: u64,
    /// Place of the newest envelope; smaller than `first` when there is none.
    pub last: u64,
    /// Bytes in use.
    pub bytes: u64,
    /// Bytes there may be; `None` for no limit.
    pub max_bytes: Option<u64>,
}

/// Posts that became durable together.
#[derive(Debug, Clone, PartialEq)]
pub struct PostEnvelope {
    /// Its place in the stream.
    pub sequence: u64,
    /// When the server stored it.
    pub stored_at: DateTime<Utc>,
    /// The posts, in order. What is no post is left out.
    pub posts: Vec<RawPost>,
}

impl Bus {
    /// What the stream of posts holds now.
    ///
    /// # Errors
    /// [`BusError::Request`] when the server does not answer.
    pub async fn kept_posts(&self) -> Result<KeptPosts, BusError> {
        let name = Stream::Updates.name(self.topology());
        let stream = self.context().get_stream(name).await.map_err(failed)?;
        let info = stream.cached_info();
        let State {
            first_sequence: first,
            last_sequence: last,
            bytes,
            ..
        } = info.state;
        Ok(KeptPosts {
            first,
            last,
            bytes,
            max_bytes: u64::try_from(info.config.max_bytes).ok().filter(|n| *n > 0),
        })
    }

    /// The first envelope of posts at this place or behind it; `None` when there is none.
    ///
    /// # Errors
    /// [`BusError::Request`] when the server does not answer, however often it is asked.
    pub async fn next_posts(&self, from: u64) -> Result<Option<PostEnvelope>, BusError> {
        let message = self.message_from(from).await?;
        Ok(message.map(|message| PostEnvelope {
            sequence: message.sequence,
            stored_at: instant(message.time.unix_timestamp_nanos()),
            posts: posts(&message),
        }))
    }

    /// The place of the first envelope of posts that was stored at this time or later; behind the last one when
    /// there is none.
    ///
    /// # Errors
    /// [`BusError::Request`] when the server does not answer.
    pub async fn place_of_posts_at(&self, at: DateTime<Utc>) -> Result<u64, BusError> {
        let kept = self.kept_posts().await?;
        // Everything before `low` is older, and everything from `high` on is not: places rise with time.
        let (mut low, mut high) = (kept.first, kept.last.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.message_from(middle).await? {
                Some(found) if instant(found.time.unix_timestamp_nanos()) < at => {
                    low = found.sequence.saturating_add(1);
                }
                // A gap before it belongs to what is not older.
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }

    /// One post, by the place of its envelope; `None` when it is no longer kept.
    ///
    /// # Errors
    /// [`BusError::Request`] when the server does not answer.
    pub async fn find_post(
        &self,
        sequence: u64,
        post: PostId,
    ) -> Result<Option<RawPost>, BusError> {
        let Some(envelope) = self.next_posts(sequence).await? else {
            return Ok(None);
        };
        if envelope.sequence != sequence {
            return Ok(None);
        }
        let id = post.to_string();
        Ok(envelope.posts.into_iter().find(|post| post.post_id == id))
    }

    async fn message_from(&self, from: u64) -> Result<Option<StreamMessage>, BusError> {
        let name = Stream::Updates.name(self.topology());
        let subject = self.topology().updates();
        let (mut tries, mut waited) = (0, false);
        loop {
            tries += 1;
            self.until_connected().await;
            let context = self.context();
            let stream = context.get_stream_no_info(&name).await.map_err(failed)?;
            let sent = stream
                .direct_get_next_for_subject(subject.as_str(), Some(from))
                .await;
            let error = match sent {
                Ok(message) => return Ok(Some(message)),
                Err(error) => error,
            };
            match error.kind() {
                // Any replica may answer, also one that lags behind.
                DirectGetErrorKind::NotFound if !waited && self.is_written(from).await? => {
                    waited = true;
                    tokio::time::sleep(CATCHING_UP).await;
                }
                DirectGetErrorKind::NotFound => return Ok(None),
                DirectGetErrorKind::TimedOut | DirectGetErrorKind::Request if tries < TRIES => {
                    tokio::time::sleep(Backoff::SERVER.after(tries)).await;
                }
                DirectGetErrorKind::TimedOut
                | DirectGetErrorKind::Request
                | DirectGetErrorKind::InvalidSubject
                | DirectGetErrorKind::ErrorResponse(..)
                | DirectGetErrorKind::Other => return Err(failed(error)),
            }
        }
    }

    async fn is_written(&self, sequence: u64) -> Result<bool, BusError> {
        Ok(sequence <= self.kept_posts().await?.last)
    }
}

fn failed(source: impl Into<BoxError>) -> BusError {
    BusError::Request {
        wanted: "Meta's posts".to_owned(),
        source: source.into(),
    }
}

fn posts(message: &StreamMessage) -> Vec<RawPost> {
    let Ok(envelope) = Envelope::decode(message.payload.clone()) else {
        tracing::warn!(
            stream.sequence = message.sequence,
            "a message in the stream of posts is not an envelope"
        );
        return Vec::new();
    };
    let items = envelope.items.into_iter();
    items
        .filter_map(|item| RawPost::decode(item.payload).ok())
        .collect()
}
