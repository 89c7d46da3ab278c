//! Where messages come from: the trace and the chain of their commands. Best effort: without it a send starts
//! a chain of its own.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sb_events::Origin;
use sb_ids::MessageId;
use tracing::Span;

/// About 300 bytes each.
const REMEMBERED: u64 = 20_000;
const REMEMBERED_FOR: Duration = Duration::from_mins(15);

#[derive(Debug)]
struct Entry {
    origin: Origin,
    trace: Vec<(String, String)>,
}

/// What commands said about their messages. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Origins(Cache<MessageId, Arc<Entry>>);

impl Origins {
    /// Nothing known.
    pub(crate) fn new() -> Self {
        let cache = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Self(cache)
    }

    /// Remembers the origin of a message.
    pub(crate) fn remember(
        &self,
        message: MessageId,
        origin: Origin,
        trace: impl IntoIterator<Item = (String, String)>,
    ) {
        let trace = trace.into_iter().collect();
        self.0.insert(message, Arc::new(Entry { origin, trace }));
    }

    /// The chain a message belongs to.
    pub(crate) fn of(&self, message: MessageId) -> Origin {
        self.0
            .get(&message)
            .map_or_else(|| Origin::start(message.as_uuid()), |entry| entry.origin)
    }

    /// Makes a span part of the message's trace.
    pub(crate) fn continue_trace(&self, message: MessageId, span: &Span) {
        if let Some(entry) = self.0.get(&message) {
            let headers = entry.trace.iter();
            sb_telemetry::set_parent(span, headers.map(|(k, v)| (k.as_str(), v.as_str())));
        }
    }
}
