//! Every durable consumer: name, stream, filter, and how patient it is.

use std::time::Duration;

use sb_ids::Shard;

use crate::{Stream, Topology};

/// Tries to get a file before it counts as failed.
pub const MEDIA_TRIES: i64 = 12;

/// A durable consumer, as the runner of `sb-bus` creates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerSpec {
    /// `<service>--<what>`, without the topology's prefix.
    pub name: String,
    /// The name on the server.
    pub durable: String,
    /// Where it reads.
    pub stream: Stream,
    /// What it reads.
    pub filters: Vec<String>,
    /// How long one delivery may take before the server gives it to another reader.
    pub ack_wait: Duration,
    /// Deliveries before an envelope is a dead letter.
    pub max_deliver: i64,
    /// Envelopes handed out and not yet acknowledged, over all readers.
    pub max_ack_pending: i64,
    /// One reader at a time owns the consumer (JetStream pinned client); others stand by.
    pub pinned: bool,
}

impl ConsumerSpec {
    fn new(topology: &Topology, name: &str, stream: Stream, filters: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            durable: topology.name(name),
            stream,
            filters,
            ack_wait: topology.ack_wait(),
            max_deliver: 20,
            max_ack_pending: 1_000,
            pinned: false,
        }
    }
}

/// Ingest of raw posts by `whatsapp-webhook`. Never gives up on an envelope: a bad update inside it is
/// quarantined alone, so what fails here is the database, and that comes back.
pub fn ingest(topology: &Topology) -> ConsumerSpec {
    ConsumerSpec {
        max_deliver: -1,
        ..ConsumerSpec::new(
            topology,
            "whatsapp-webhook--ingest",
            Stream::Updates,
            vec![topology.updates().as_str().to_owned()],
        )
    }
}

/// Received messages that may need an agent's answer.
pub fn agent_turns(topology: &Topology) -> ConsumerSpec {
    ConsumerSpec::new(
        topology,
        "agent-client--message",
        Stream::Events,
        vec![topology.events_of_domain("message")],
    )
}

/// Stored files that may need annotation.
pub fn annotations(topology: &Topology) -> ConsumerSpec {
    ConsumerSpec::new(
        topology,
        "annotator--media",
        Stream::Events,
        vec![topology.events_of_domain("media")],
    )
}

/// Received files to get from Meta. Patient: waits grow to half an hour, so that the tries span some hours.
pub fn media(topology: &Topology) -> ConsumerSpec {
    ConsumerSpec {
        max_deliver: MEDIA_TRIES,
        ..ConsumerSpec::new(
            topology,
            "whatsapp-webhook--media",
            Stream::Media,
            vec![topology.media_of_all()],
        )
    }
}

/// Commands for the numbers of one shard. Pinned: one dispatcher owns a number at a time.
pub fn dispatch(topology: &Topology, shard: Shard) -> ConsumerSpec {
    ConsumerSpec {
        pinned: true,
        max_deliver: -1,
        ..ConsumerSpec::new(
            topology,
            &format!("whatsapp-dispatcher--shard-{}", shard.index()),
            Stream::Dispatch,
            vec![topology.dispatch(shard).as_str().to_owned()],
        )
    }
}
