//! Group commit: many posts, one durable write.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sb_bus::{Bus, BusError, Publisher};
use sb_config::{NatsSettings, WebhookSettings};
use sb_events::proto::update::v1::RawPost;
use tokio::sync::{mpsc, oneshot};

use super::body::Room;

/// An envelope that is not acknowledged by then is answered 503; Meta sends the posts again.
const COMMIT_DEADLINE: Duration = Duration::from_secs(8);
/// Bytes of posts in one envelope at most; a larger single post travels alone.
const ENVELOPE_BYTES: usize = 1_000_000;

/// Why a post is not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommitError {
    #[error("too many posts are waiting already")]
    QueueFull,
    #[error("the stream did not acknowledge the post")]
    NotAcknowledged,
}

struct Pending {
    post: RawPost,
    /// The post's room in the budget, held as long as its bytes are, even if the sender hangs up.
    room: Room,
    done: oneshot::Sender<bool>,
}

/// Makes posts durable. One a worker thread.
#[derive(Debug, Clone)]
pub(crate) struct Committer(mpsc::Sender<Pending>);

impl Committer {
    /// Connects to NATS on the calling worker's own runtime and starts packing. Ends when the worker has
    /// answered its last request.
    pub(crate) async fn start(
        nats: NatsSettings,
        settings: &WebhookSettings,
    ) -> Result<Self, BusError> {
        let publisher = Bus::connect(&nats)
            .await?
            .publisher()
            .with_deadline(COMMIT_DEADLINE);
        let (sender, queue) = mpsc::channel(settings.queue_capacity);
        let packing = pack(
            queue,
            publisher,
            settings.max_batch_posts,
            settings.commit_inflight,
        );
        // Not a task of the lifecycle: it lives on this worker's thread, as long as requests do.
        actix_web::rt::spawn(packing);
        Ok(Self(sender))
    }

    /// Returns once the post is on the stream.
    pub(crate) async fn commit(&self, post: RawPost, room: Room) -> Result<(), CommitError> {
        let (done, acknowledged) = oneshot::channel();
        self.0
            .try_send(Pending { post, room, done })
            .map_err(|_| CommitError::QueueFull)?;
        match acknowledged.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(CommitError::NotAcknowledged),
        }
    }
}

async fn pack(
    mut queue: mpsc::Receiver<Pending>,
    publisher: Publisher,
    most_posts: usize,
    most_in_flight: usize,
) {
    let mut in_flight = FuturesUnordered::new();
    let mut waiting = Vec::with_capacity(most_posts);
    loop {
        tokio::select! {
            biased;
            Some(()) = in_flight.next(), if !in_flight.is_empty() => {}
            received = queue.recv_many(&mut waiting, most_posts), if in_flight.len() < most_in_flight => {
                if received == 0 {
                    break;
                }
                // Who hung up will send again: Meta never got a 200.
                waiting.retain(|pending| !pending.done.is_closed());
                for envelope in envelopes(std::mem::take(&mut waiting)) {
                    in_flight.push(publish(publisher.clone(), envelope));
                }
            }
        }
    }
    while in_flight.next().await.is_some() {}
}

/// Cuts a batch where it grows too large for one message.
fn envelopes(waiting: Vec<Pending>) -> Vec<Vec<Pending>> {
    let mut envelopes = Vec::with_capacity(1);
    let mut current = Vec::with_capacity(waiting.len());
    let mut bytes = 0;
    for pending in waiting {
        let length = pending.post.body.len();
        if bytes + length > ENVELOPE_BYTES && !current.is_empty() {
            envelopes.push(std::mem::take(&mut current));
            bytes = 0;
        }
        bytes += length;
        current.push(pending);
    }
    if !current.is_empty() {
        envelopes.push(current);
    }
    envelopes
}

async fn publish(publisher: Publisher, envelope: Vec<Pending>) {
    let (bodies, senders): (Vec<RawPost>, Vec<(oneshot::Sender<bool>, Room)>) = envelope
        .into_iter()
        .map(|pending| (pending.post, (pending.done, pending.room)))
        .unzip();
    let count = bodies.len();
    let outcome = publisher.publish_raw_posts(bodies).await;
    if let Err(error) = &outcome {
        tracing::error!(
            error = sb_telemetry::as_error(error),
            posts = count,
            "posts could not be made durable, Meta will send them again"
        );
    }
    for (done, _room) in senders {
        // A sender that hung up meanwhile does not need the answer.
        let _ = done.send(outcome.is_ok());
    }
}
