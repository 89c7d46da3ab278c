//! Ordering keys as small numbers: what ends a subject.

use uuid::Uuid;

/// Lanes of the event streams: events of one key share a lane and stay in order.
pub const LANES: u8 = 16;

/// Shards of the dispatch commands: all commands of one number share a shard.
pub const SHARDS: u8 = 8;

/// FNV-1a over the id's bytes: stable between releases, which `DefaultHasher` is not.
fn spread(key: Uuid) -> u64 {
    key.as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

fn bucket(key: Uuid, buckets: u8) -> u8 {
    u8::try_from(spread(key) % u64::from(buckets)).unwrap_or(0)
}

/// The lane of an ordering key, `0..LANES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(u8);

impl Lane {
    /// The lane of a conversation or another entity.
    pub fn of(key: impl Into<Uuid>) -> Self {
        Self(bucket(key.into(), LANES))
    }

    /// The lane's number.
    pub const fn index(self) -> u8 {
        self.0
    }
}

/// The shard of a business number, `0..SHARDS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u8);

impl Shard {
    /// The shard that holds a number's commands.
    pub fn of(number: crate::NumberId) -> Self {
        Self(bucket(number.as_uuid(), SHARDS))
    }

    /// Every shard, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    /// The shard's number.
    pub const fn index(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::ConversationId;

    #[test]
    fn a_thousand_conversations_use_every_lane() {
        let lanes: std::collections::BTreeSet<u8> = (0..1_000)
            .map(|n| ConversationId::new(DateTime::from_timestamp(n, 0).unwrap()))
            .map(|id| Lane::of(id).index())
            .collect();
        assert_eq!(lanes.len(), usize::from(LANES));
    }
}
