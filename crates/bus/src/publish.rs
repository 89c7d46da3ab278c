//! Publishing: durable when it returns, in order within each subject, safe to repeat.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sb_events::Addressed;
use sb_events::proto::update::v1::RawPost;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::envelope::{Lane, Packed, Traced, pack, pack_posts};
use crate::{BoxError, Bus, PublishError, metrics};

/// Subjects published to at the same time. The client library deadlocks above 5,000 acknowledgements
/// that nobody awaits; here each one is awaited as it comes.
const LANES_IN_FLIGHT: usize = 64;
/// Subject, headers and protocol around a payload.
const MESSAGE_OVERHEAD: usize = 1_024;
const DEADLINE: Duration = Duration::from_secs(15);

/// Publishes events and commands.
///
/// When a call returns, everything is on the stream. When it fails, part of it may be: call again
/// with the same events, the server drops what it already has and readers tolerate the rest.
#[derive(Clone)]
pub struct Publisher {
    bus: Bus,
    deadline: Duration,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Publisher {
    pub(crate) fn new(bus: Bus) -> Self {
        Self {
            bus,
            deadline: DEADLINE,
        }
    }

    /// How long an envelope is tried before the call fails; 15 seconds unless told otherwise.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Publishes events with the current span as their trace.
    ///
    /// # Errors
    /// [`PublishError`]; part of the events may have been published.
    pub async fn publish(&self, events: &[Addressed]) -> Result<(), PublishError> {
        let traced = events.iter().map(|event| Traced { event, trace: &[] });
        self.publish_traced(traced).await
    }

    /// Publishes events that carry the trace they were stored with.
    ///
    /// # Errors
    /// [`PublishError`]; part of the events may have been published.
    pub async fn publish_traced(
        &self,
        events: impl IntoIterator<Item = Traced<'_>>,
    ) -> Result<(), PublishError> {
        let lanes = pack(events, &current_trace());
        stream::iter(lanes)
            .map(|lane| self.send_lane(lane))
            .buffer_unordered(LANES_IN_FLIGHT)
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
    }

    /// Publishes Meta's posts as one envelope and returns its place in the stream. Only what is too
    /// much for the server's largest message is spread over several; the place is then the last one.
    ///
    /// # Errors
    /// [`PublishError`]; none of the posts may be confirmed to Meta.
    pub async fn publish_raw_posts(&self, posts: Vec<RawPost>) -> Result<u64, PublishError> {
        let limit = self.payload_limit();
        let subject = self.bus.topology().updates();
        let lane = pack_posts(subject.as_str(), posts, &current_trace(), limit);
        self.send_lane(lane).await
    }

    /// One after another: if a later envelope overtook a failed one, the lane would lose its order.
    async fn send_lane(&self, lane: Lane) -> Result<u64, PublishError> {
        let mut sequence = 0;
        for packed in lane {
            sequence = self.send(&packed, &HeaderMap::new()).await?;
        }
        Ok(sequence)
    }

    /// Sends one envelope until it is acknowledged or the deadline has passed.
    pub(crate) async fn send(
        &self,
        packed: &Packed,
        headers: &HeaderMap,
    ) -> Result<u64, PublishError> {
        self.check_size(packed)?;
        let started = Instant::now();
        let deadline = started + self.deadline;
        let mut tries = 0;
        loop {
            tries += 1;
            let failure =
                match tokio::time::timeout_at(deadline, self.try_send(packed, headers)).await {
                    Ok(Ok(sequence)) => {
                        metrics::published(packed.items, started.elapsed());
                        return Ok(sequence);
                    }
                    Ok(Err(failure)) => failure,
                    Err(elapsed) => Failure::passing(elapsed),
                };
            if failure.refused {
                return Err(PublishError::Refused {
                    subject: packed.subject.clone(),
                    source: failure.source,
                });
            }
            let wait = Backoff::SERVER.after(tries.into());
            if Instant::now() + wait >= deadline {
                return Err(PublishError::NotAcknowledged {
                    subject: packed.subject.clone(),
                    tries,
                    source: failure.source,
                });
            }
            tracing::debug!(
                error = sb_telemetry::as_error(failure.source.as_ref()),
                tries,
                "an envelope was not acknowledged, publishing it again"
            );
            tokio::time::sleep(wait).await;
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the publisher everybody else is told to use"
    )]
    async fn try_send(&self, packed: &Packed, headers: &HeaderMap) -> Result<u64, Failure> {
        // What is sent into a lost connection stays in memory until it is back, once for each try.
        self.bus.until_connected().await;
        let message = PublishMessage::build()
            .headers(headers.clone())
            .message_id(&packed.message_id)
            .payload(packed.payload.clone());
        let acknowledgement = self
            .bus
            .context()
            .send_publish(packed.subject.clone(), message)
            .await
            .map_err(Failure::of)?
            .await
            .map_err(Failure::of)?;
        Ok(acknowledgement.sequence)
    }

    fn payload_limit(&self) -> usize {
        self.bus
            .client()
            .max_payload()
            .saturating_sub(MESSAGE_OVERHEAD)
    }

    fn check_size(&self, packed: &Packed) -> Result<(), PublishError> {
        let limit = self.payload_limit();
        if packed.payload.len() <= limit {
            return Ok(());
        }
        Err(PublishError::TooLarge {
            subject: packed.subject.clone(),
            type_name: packed.type_name.clone(),
            size_bytes: packed.payload.len(),
            limit_bytes: limit,
        })
    }
}

struct Failure {
    refused: bool,
    source: BoxError,
}

impl Failure {
    fn passing(source: impl Into<BoxError>) -> Self {
        Self {
            refused: false,
            source: source.into(),
        }
    }

    fn of(error: async_nats::jetstream::context::PublishError) -> Self {
        let refused = match error.kind() {
            // No stream listens while the server is starting, or while a leader is being elected.
            PublishErrorKind::StreamNotFound
            | PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::Other => false,
            PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::WrongLastSequence
            | PublishErrorKind::MaxPayloadExceeded => true,
        };
        Self {
            refused,
            source: error.into(),
        }
    }
}

fn current_trace() -> HashMap<String, String> {
    sb_telemetry::inject_current().into_iter().collect()
}
