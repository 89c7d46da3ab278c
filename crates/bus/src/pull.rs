//! Reading a durable consumer: asks the server for exactly as many messages as there is room for, so
//! that nothing waits unseen in a buffer while its `ack_wait` runs out.
//!
//! The client library's own pull streams ask for more whenever half of what they asked for has come,
//! whether or not anybody takes it; and its one-shot pulls do not work for pinned consumers.
//!
//! # Source
//! NATS ADR-13 (pull requests) and ADR-42 (priority groups),
//! <https://github.com/nats-io/nats-architecture-and-design>.

use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::BoxError;
use crate::backoff::Backoff;
use crate::consumer::OWNER_GROUP;
use crate::ledger::{Capacity, Receipt};
use crate::reading::Reader;

/// How long the server keeps a request. Well below the time after which an owner counts as gone.
const EXPIRES: Duration = Duration::from_secs(5);
/// How often the server says that an unanswered request is still known to it.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Without a sign of life for this long the request is lost.
const SILENCE: Duration = Duration::from_secs(7);
/// A request that is refused faster than this counts as a refusal and is not repeated at once.
const SOON: Duration = Duration::from_millis(200);

/// How long a server that should say nothing more is listened to.
const LAST_WORDS: Duration = Duration::from_millis(500);

const PIN_ID: &str = "Nats-Pin-Id";

/// A message that came, with the duty to answer it.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) receipt: Receipt,
    pub(crate) letter: Letter,
}

/// What came and how.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) payload: Bytes,
    pub(crate) stream_sequence: u64,
    pub(crate) deliveries: i64,
    pub(crate) published_at: DateTime<Utc>,
}

/// Why a subscription has to be made anew.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("the connection was lost")]
    Connection,
    #[error("the server was silent")]
    Silence,
    #[error("the server ended the requests: {0}")]
    Ended(String),
    #[error("asking for messages failed")]
    Client(#[source] BoxError),
}

/// What a message on the inbox means.
enum Heard {
    Delivery,
    Heartbeat,
    RequestEnded,
    PinLost,
    Over(String),
}

#[derive(Serialize)]
struct PullRequest<'a> {
    batch: usize,
    max_bytes: usize,
    expires: u128,
    idle_heartbeat: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

/// One inbox and the request that is open on it.
pub(crate) struct Subscription<'a> {
    reader: &'a Reader,
    inbox: String,
    subscriber: Subscriber,
    connection: watch::Receiver<bool>,
    request: Option<Request>,
    requests: u64,
    refusals: i64,
    pin: Option<String>,
    heard: Instant,
}

/// A request that the server has not finished.
struct Request {
    inbox: String,
    left: usize,
    asked: Instant,
    answered: bool,
}

impl<'a> Subscription<'a> {
    pub(crate) async fn open(reader: &'a Reader) -> Result<Self, Lost> {
        let client = reader.bus.client();
        let mut connection = reader.bus.connection();
        connection.mark_unchanged();
        let inbox = client.new_inbox();
        let subscriber = client
            .subscribe(format!("{inbox}.*"))
            .await
            .map_err(|error| Lost::Client(error.into()))?;
        Ok(Self {
            reader,
            inbox,
            subscriber,
            connection,
            request: None,
            requests: 0,
            refusals: 0,
            pin: None,
            heard: Instant::now(),
        })
    }

    /// Returns when the reader is told to stop.
    pub(crate) async fn read(&mut self, failures: &mut i64) -> Result<(), Lost> {
        loop {
            if self.request.is_none() {
                self.ask().await?;
            }
            let silent_at = self.heard + SILENCE;
            tokio::select! {
                biased;
                () = self.reader.stopping.cancelled() => return Ok(()),
                _ = self.connection.changed() => return Err(Lost::Connection),
                message = self.subscriber.next() => {
                    let message = message.ok_or(Lost::Connection)?;
                    self.heard = Instant::now();
                    *failures = 0;
                    self.hear(message).await?;
                }
                () = self.reader.ledger.released(), if self.request.is_none() => {}
                () = tokio::time::sleep_until(silent_at), if self.request.is_some() => {
                    return Err(Lost::Silence);
                }
            }
        }
    }

    /// Asks for as much as there is room for, if there is.
    async fn ask(&mut self) -> Result<(), Lost> {
        let Some(room) = self.reader.ledger.room() else {
            return Ok(());
        };
        if self.refusals > 0 {
            self.reader
                .pause(Backoff::SERVER.after(self.refusals))
                .await;
        }
        self.requests += 1;
        let inbox = format!("{}.{}", self.inbox, self.requests);
        let body = self.request_body(room)?;
        let spec = &self.reader.spec;
        let stream = spec.stream.name(self.reader.bus.topology());
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", spec.durable);
        self.reader
            .bus
            .client()
            .publish_with_reply(next, inbox.clone(), body)
            .await
            .map_err(|error| Lost::Client(error.into()))?;
        self.heard = Instant::now();
        self.request = Some(Request {
            inbox,
            left: room.messages,
            asked: self.heard,
            answered: false,
        });
        Ok(())
    }

    fn request_body(&self, room: Capacity) -> Result<Bytes, Lost> {
        let request = PullRequest {
            batch: room.messages,
            max_bytes: room.bytes,
            expires: EXPIRES.as_nanos(),
            idle_heartbeat: HEARTBEAT.as_nanos(),
            group: self.reader.spec.pinned.then_some(OWNER_GROUP),
            id: self.pin.as_deref(),
        };
        let body = serde_json::to_vec(&request).map_err(|error| Lost::Client(error.into()))?;
        Ok(body.into())
    }

    async fn hear(&mut self, message: Message) -> Result<(), Lost> {
        match meaning(&message) {
            Heard::Delivery => self.deliver(message).await,
            Heard::Heartbeat => Ok(()),
            Heard::RequestEnded => {
                self.end_request(message.subject.as_str());
                Ok(())
            }
            Heard::PinLost => {
                self.pin = None;
                self.end_request(message.subject.as_str());
                Ok(())
            }
            Heard::Over(reason) => Err(Lost::Ended(reason)),
        }
    }

    fn end_request(&mut self, inbox: &str) {
        // A late word on an earlier request says nothing about the present one.
        let Some(request) = self.request.take_if(|request| request.inbox == inbox) else {
            return;
        };
        if !request.answered && request.asked.elapsed() < SOON {
            self.refusals += 1;
        } else {
            self.refusals = 0;
        }
    }

    async fn deliver(&mut self, message: Message) -> Result<(), Lost> {
        if let Some(request) = &mut self.request {
            request.answered = true;
            request.left = request.left.saturating_sub(1);
            if request.left == 0 {
                self.request = None;
            }
        }
        self.refusals = 0;
        if self.reader.spec.pinned {
            self.remember_pin(&message);
        }
        let Some(arrived) = self.arrived(message) else {
            return Ok(());
        };
        // The channel holds as many as the ledger allows; the receiver ends after us.
        self.reader
            .arrivals
            .send(arrived)
            .await
            .map_err(|error| Lost::Client(error.into()))
    }

    fn remember_pin(&mut self, message: &Message) {
        let headers = message.headers.as_ref();
        // A publisher may have set the header too; the server's comes last.
        if let Some(pin) = headers.and_then(|headers| headers.get_last(PIN_ID))
            && self.pin.as_deref() != Some(pin.as_str())
        {
            self.pin = Some(pin.as_str().to_owned());
        }
    }

    fn arrived(&self, message: Message) -> Option<Arrived> {
        let bytes = message.length;
        let message = async_nats::jetstream::Message {
            message,
            context: self.reader.bus.context().clone(),
        };
        let (stream_sequence, deliveries, published_at) = match message.info() {
            Ok(info) => (
                info.stream_sequence,
                info.delivered,
                instant(info.published.unix_timestamp_nanos()),
            ),
            Err(error) => {
                tracing::error!(
                    messaging.consumer = %self.reader.spec.durable,
                    error = sb_telemetry::as_error(error.as_ref()),
                    "a delivery cannot be understood"
                );
                return None;
            }
        };
        let (message, _) = (message.message, message.context);
        let letter = Letter {
            subject: message.subject.into_string(),
            payload: message.payload,
            stream_sequence,
            deliveries,
            published_at,
        };
        Some(Arrived {
            receipt: self.reader.ledger.hold(message.reply?, bytes),
            letter,
        })
    }

    /// Gives what comes after we stopped listening to whoever reads next. What the server sent in the
    /// very last moment may be missed: it comes again after its `ack_wait`.
    pub(crate) async fn give_back(mut self) {
        if self.subscriber.drain().await.is_err() {
            return;
        }
        while let Ok(Some(message)) = timeout(LAST_WORDS, self.subscriber.next()).await {
            if matches!(meaning(&message), Heard::Delivery)
                && let Some(arrived) = self.arrived(message)
            {
                arrived.receipt.retry(None).await;
            }
        }
    }
}

/// A time of the server's.
pub(crate) fn instant(nanos: i128) -> DateTime<Utc> {
    i64::try_from(nanos).map_or_else(|_| DateTime::default(), DateTime::from_timestamp_nanos)
}

fn meaning(message: &Message) -> Heard {
    let Some(status) = message.status else {
        return Heard::Delivery;
    };
    let description = message.description.as_deref().unwrap_or_default();
    match status {
        StatusCode::OK => Heard::Delivery,
        StatusCode::IDLE_HEARTBEAT => Heard::Heartbeat,
        StatusCode::TIMEOUT | StatusCode::NOT_FOUND => Heard::RequestEnded,
        StatusCode::PIN_ID_MISMATCH => Heard::PinLost,
        StatusCode::REQUEST_TERMINATED if ends_request_only(description) => Heard::RequestEnded,
        other => Heard::Over(format!("{other} {description}")),
    }
}

/// Whether a 409 is about this request only; others are about the consumer or the server.
fn ends_request_only(description: &str) -> bool {
    let description = description.to_ascii_lowercase();
    [
        "batch completed",
        "message size exceeds",
        "exceeded maxackpending",
        "exceeded maxwaiting",
    ]
    .iter()
    .any(|reason| description.starts_with(reason))
}
