//! The consumers of this service: one a shard, pinned, so that one replica owns a number at a time.

use sb_events::Topology;
use sb_events::consumers::{ConsumerSpec, dispatch};
use sb_ids::Shard;

/// What this service reads.
pub fn consumers(topology: &Topology) -> Vec<ConsumerSpec> {
    Shard::all()
        .map(|shard| dispatch(topology, shard))
        .collect()
}
