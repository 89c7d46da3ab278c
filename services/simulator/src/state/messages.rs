//! Messages of all chats and the log of what businesses sent.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::ids::Direction;

/// Messages kept in memory; the oldest go first.
const MAX_MESSAGES: usize = 20_000;
/// Callback values whose repetitions are counted.
const MAX_CALLBACKS: usize = 200_000;

/// How far a message came. The order is the order of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Meta took it.
    Accepted,
    /// One tick.
    Sent,
    /// Two ticks.
    Delivered,
    /// Two blue ticks.
    Read,
    /// A voice note was listened to.
    Played,
    /// It will never arrive.
    Failed,
}

impl Progress {
    /// The word of a status webhook.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
            Self::Failed => "failed",
        }
    }
}

/// The pricing object of a status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Price {
    pub(crate) billable: bool,
    pub(crate) kind: &'static str,
    pub(crate) category: &'static str,
}

/// One message of a chat.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    /// Position among all messages, increasing.
    pub(crate) sequence: u64,
    pub(crate) number_id: String,
    pub(crate) wa_id: String,
    pub(crate) direction: Direction,
    pub(crate) at: DateTime<Utc>,
    /// Its `type`.
    pub(crate) kind: String,
    /// Outbound: the Graph request. Inbound: the webhook's message object.
    pub(crate) body: Arc<str>,
    pub(crate) progress: Progress,
    pub(crate) callback_data: Option<Arc<str>>,
    pub(crate) price: Price,
    pub(crate) by_user_id: bool,
    pub(crate) error: Option<Value>,
    /// Emoji of the phone and of the business on this message.
    pub(crate) reactions: [Option<String>; 2],
    pub(crate) revoked: bool,
    pub(crate) edited: Option<String>,
}

impl Message {
    /// The body as JSON; it was JSON when it came.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// All messages, bounded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Messages {
    by_id: HashMap<String, Message>,
    order: VecDeque<String>,
    next_sequence: u64,
    pub(crate) accepted: u64,
    callbacks: HashMap<Arc<str>, u32>,
    callback_order: VecDeque<Arc<str>>,
}

impl Messages {
    /// Stores a message and returns what fell out of memory for it.
    pub(crate) fn insert(&mut self, mut message: Message) -> Option<Message> {
        self.next_sequence += 1;
        message.sequence = self.next_sequence;
        if message.direction == Direction::Outbound {
            self.accepted += 1;
            self.count_callback(message.callback_data.as_ref());
        }
        self.order.push_back(message.id.clone());
        self.by_id.insert(message.id.clone(), message);
        if self.order.len() <= MAX_MESSAGES {
            return None;
        }
        let oldest = self.order.pop_front()?;
        self.by_id.remove(&oldest)
    }

    fn count_callback(&mut self, callback: Option<&Arc<str>>) {
        let Some(callback) = callback else { return };
        let seen = self.callbacks.entry(Arc::clone(callback)).or_insert(0);
        *seen += 1;
        if *seen == 1 {
            self.callback_order.push_back(Arc::clone(callback));
        }
        if self.callback_order.len() > MAX_CALLBACKS
            && let Some(oldest) = self.callback_order.pop_front()
        {
            self.callbacks.remove(&oldest);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Message> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Message> {
        self.by_id.get_mut(id)
    }

    /// How many sends carried this callback value.
    pub(crate) fn callback_count(&self, callback: &str) -> u32 {
        self.callbacks.get(callback).copied().unwrap_or(0)
    }

    /// Callback values that were sent more than once.
    pub(crate) fn repeated_callbacks(&self) -> Vec<(Arc<str>, u32)> {
        let mut repeated: Vec<_> = self
            .callbacks
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|(callback, count)| (Arc::clone(callback), *count))
            .collect();
        repeated.sort_unstable();
        repeated
    }

    /// Messages after a position, oldest first.
    pub(crate) fn after(&self, sequence: u64) -> impl Iterator<Item = &Message> {
        // Positions are dense, so what was evicted tells where to start.
        let first = self.next_sequence - u64::try_from(self.order.len()).unwrap_or(0) + 1;
        let skip = usize::try_from((sequence + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        self.order
            .iter()
            .skip(skip)
            .filter_map(|id| self.by_id.get(id))
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        self.next_sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: usize, callback: Option<&str>) -> Message {
        Message {
            id: id.to_string(),
            sequence: 0,
            number_id: "1".to_owned(),
            wa_id: "2".to_owned(),
            direction: Direction::Outbound,
            at: DateTime::UNIX_EPOCH,
            kind: "text".to_owned(),
            body: Arc::from("{}"),
            progress: Progress::Accepted,
            callback_data: callback.map(Arc::from),
            price: Price::default(),
            by_user_id: false,
            error: None,
            reactions: [None, None],
            revoked: false,
            edited: None,
        }
    }

    #[test]
    fn reading_after_a_position_survives_eviction() {
        let mut messages = Messages::default();
        for id in 0..MAX_MESSAGES + 10 {
            messages.insert(message(id, None));
        }
        assert_eq!(messages.after(0).count(), MAX_MESSAGES);
        let last = messages.last_sequence();
        assert_eq!(messages.after(last - 3).count(), 3);
        assert_eq!(messages.after(last).count(), 0);
    }

    #[test]
    fn repeated_callback_data_is_reported() {
        let mut messages = Messages::default();
        messages.insert(message(1, Some("a")));
        messages.insert(message(2, Some("b")));
        messages.insert(message(3, Some("a")));
        assert_eq!(messages.repeated_callbacks(), vec![(Arc::from("a"), 2)]);
        assert_eq!(messages.callback_count("b"), 1);
    }
}
