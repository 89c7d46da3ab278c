//! The consumers of this service.

use sb_events::Topology;
use sb_events::consumers::{ConsumerSpec, ingest, media};

/// What this service reads.
pub fn consumers(topology: &Topology) -> Vec<ConsumerSpec> {
    vec![ingest(topology), media(topology)]
}
