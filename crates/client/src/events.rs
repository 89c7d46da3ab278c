//! Following everything that happens.

use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use reqwest::Method;
use sb_ids::{ConversationId, OrganizationId};
use serde::Deserialize;
use serde_json::Value;
use sse_stream::{Sse, SseStream};

use crate::client::{Client, accepted};
use crate::error::ClientError;

const OPERATION: &str = "events.stream";
/// Three heartbeats of the gateway: a silent connection is a dead one.
const SILENCE: Duration = Duration::from_secs(45);
/// After this time the stream is opened again, so that no connection has to live for ever.
const LONGEST: Duration = Duration::from_hours(6);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Event {
    /// The same fact always has the same id.
    pub id: String,
    /// `message.received`, `message.status`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// When it became true.
    pub occurred_at: DateTime<Utc>,
    /// The organization.
    pub organization_id: OrganizationId,
    /// For events about a message.
    #[serde(default)]
    pub conversation_id: Option<ConversationId>,
    /// The message's place in its conversation.
    #[serde(default)]
    pub sequence: Option<i64>,
    /// What happened.
    pub data: Value,
}

/// An event with its place in the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedEvent {
    /// Where to continue: pass it to [`Client::events`].
    pub place: String,
    /// The event.
    pub event: Event,
}

/// All events from some place on, in order. Comes back by itself after a lost connection; ends with the first
/// error that coming back would not help.
pub struct EventStream {
    client: Client,
    after: Option<String>,
    open: Option<Lines>,
    wait: Duration,
    ended: bool,
}

type Lines = Pin<Box<dyn Stream<Item = Result<Sse, sse_stream::Error>> + Send>>;

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream")
            .field("after", &self.after)
            .field("connected", &self.open.is_some())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Follows all events behind a place ([`PlacedEvent::place`]), or from now on. Nothing is sent before the
    /// first call of [`EventStream::next`] or [`EventStream::connect`].
    pub fn events(&self, after: Option<String>) -> EventStream {
        EventStream {
            client: self.clone(),
            after,
            open: None,
            wait: FIRST_WAIT,
            ended: false,
        }
    }
}

impl EventStream {
    /// Opens the stream now, so that nothing that happens from here on is missed.
    ///
    /// # Errors
    /// [`ClientError`], of one try.
    pub async fn connect(&mut self) -> Result<(), ClientError> {
        let mut request = self
            .client
            .request(Method::GET, &["events"])
            .header("accept", "text/event-stream")
            .timeout(LONGEST);
        if let Some(place) = &self.after {
            request = request.header("last-event-id", place);
        }
        let response = accepted(OPERATION, request).await?;
        self.open = Some(Box::pin(SseStream::from_bytes_stream(
            response.bytes_stream(),
        )));
        Ok(())
    }

    /// The next event, whenever it comes; `None` after an error that ended the stream.
    pub async fn next(&mut self) -> Option<Result<PlacedEvent, ClientError>> {
        while !self.ended {
            let Some(open) = &mut self.open else {
                if let Err(error) = self.connect().await {
                    if !error.is_transient() {
                        self.ended = true;
                        return Some(Err(error));
                    }
                    self.rest().await;
                }
                continue;
            };
            if let Ok(Some(Ok(sse))) = tokio::time::timeout(SILENCE, open.next()).await {
                self.wait = FIRST_WAIT;
                if let Some(event) = self.read(sse) {
                    return Some(event);
                }
            } else {
                // Ended, broken or silent: open it again behind the last event.
                self.open = None;
                self.rest().await;
            }
        }
        None
    }

    /// The same as a stream.
    pub fn into_stream(self) -> BoxStream<'static, Result<PlacedEvent, ClientError>> {
        futures::stream::unfold(self, |mut events| async move {
            let next = events.next().await?;
            Some((next, events))
        })
        .boxed()
    }

    async fn rest(&mut self) {
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }

    /// A block without data is a comment or a setting. An event that cannot be read is told and passed over.
    fn read(&mut self, sse: Sse) -> Option<Result<PlacedEvent, ClientError>> {
        let place = sse.id?;
        self.after = Some(place.clone());
        let read = serde_json::from_str(&sse.data?);
        Some(match read {
            Ok(event) => Ok(PlacedEvent { place, event }),
            Err(source) => Err(ClientError::Event { place, source }),
        })
    }
}
