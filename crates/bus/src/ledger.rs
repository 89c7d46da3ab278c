//! The messages this process has taken and not answered: how many, how large, and the signal of life
//! that keeps the server from giving them to somebody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::{Client, Subject};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Answering is handing a few bytes to the connection; longer means that it is gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What one reader may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capacity {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// All messages of one reader that are taken and not answered.
#[derive(Debug)]
pub(crate) struct Ledger {
    client: Client,
    capacity: Capacity,
    state: Mutex<State>,
    released: Notify,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<u64, Entry>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    reply: Subject,
    bytes: usize,
    since: Instant,
}

impl Ledger {
    pub(crate) fn new(client: Client, capacity: Capacity) -> Arc<Self> {
        Arc::new(Self {
            client,
            capacity,
            state: Mutex::default(),
            released: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a message; it is held until its receipt is answered or dropped.
    pub(crate) fn hold(self: &Arc<Self>, reply: Subject, bytes: usize) -> Receipt {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.bytes += bytes;
        let entry = Entry {
            reply: reply.clone(),
            bytes,
            since: Instant::now(),
        };
        state.held.insert(id, entry);
        Receipt {
            id,
            reply,
            ledger: Arc::clone(self),
        }
    }

    /// What may be asked for now; `None` until at least half is free, so that one large request is
    /// made instead of many small ones.
    pub(crate) fn room(&self) -> Option<Capacity> {
        let state = self.state();
        let messages = self.capacity.messages.saturating_sub(state.held.len());
        let bytes = self.capacity.bytes.saturating_sub(state.bytes);
        let enough = messages * 2 >= self.capacity.messages && bytes * 2 >= self.capacity.bytes;
        (enough && messages > 0).then_some(Capacity { messages, bytes })
    }

    /// Waits until a message was answered.
    pub(crate) async fn released(&self) {
        self.released.notified().await;
    }

    fn release(&self, id: u64) {
        let mut state = self.state();
        if let Some(entry) = state.held.remove(&id) {
            state.bytes = state.bytes.saturating_sub(entry.bytes);
        }
        drop(state);
        self.released.notify_one();
    }

    /// Tells the server again and again that held messages are being worked on. Never returns.
    pub(crate) async fn keep_alive(self: Arc<Self>, ack_wait: Duration) {
        let every = (ack_wait / 3).max(Duration::from_millis(10));
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for reply in self.older_than(ack_wait / 4) {
                answer(&self.client, reply, AckKind::Progress).await;
            }
        }
    }

    fn older_than(&self, age: Duration) -> Vec<Subject> {
        let state = self.state();
        let old = state
            .held
            .values()
            .filter(|entry| entry.since.elapsed() >= age);
        old.map(|entry| entry.reply.clone()).collect()
    }
}

/// The right to answer one message, once. Dropped without an answer, the server delivers the message
/// again after its `ack_wait`.
#[derive(Debug)]
pub(crate) struct Receipt {
    id: u64,
    reply: Subject,
    ledger: Arc<Ledger>,
}

impl Receipt {
    /// Done.
    pub(crate) async fn ack(self) {
        self.answer(AckKind::Ack).await;
    }

    /// Deliver it again, now or later.
    pub(crate) async fn retry(self, after: Option<Duration>) {
        self.answer(AckKind::Nak(after)).await;
    }

    async fn answer(self, kind: AckKind) {
        answer(&self.ledger.client, self.reply.clone(), kind).await;
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.ledger.release(self.id);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that answers deliveries"
)]
async fn answer(client: &Client, reply: Subject, kind: AckKind) {
    let sent = tokio::time::timeout(ANSWER_TIMEOUT, client.publish(reply, kind.into())).await;
    // An answer that was not sent means a redelivery, which handlers expect.
    if !matches!(sent, Ok(Ok(()))) {
        tracing::debug!("an acknowledgement could not be sent, the message will come again");
    }
}
