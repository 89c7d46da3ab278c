//! Identifiers that look like Meta's, repeatable when a seed is given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Which way a message travels; it shows in the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// From a phone to the business.
    Inbound,
    /// From the business to a phone.
    Outbound,
}

/// Source of ids and of chance. The same seed gives the same sequence.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    state: u64,
    numbers: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            numbers: 1_000_000_000_000_000 + seed % 1_000_000_000 * 1_000_000,
        }
    }

    /// `SplitMix64`: a bijection of the counter, so ids of one run never repeat.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Decimal id of a media object, template and the like.
    pub(crate) fn numeric(&mut self) -> String {
        self.numbers += 1;
        self.numbers.to_string()
    }

    /// Message id in Meta's layout: a Thrift compact struct with the other
    /// party's number and a hexadecimal key, in base64.
    pub(crate) fn wamid(&mut self, wa_id: &str, direction: Direction) -> String {
        let (kind, key) = match direction {
            Direction::Inbound => (0x12, format!("3A{:016X}{:02X}", self.next_u64(), 0)),
            Direction::Outbound => (0x11, format!("{:016X}{:02X}", self.next_u64(), 0)),
        };
        let mut bytes = vec![0x1c, 0x18, u8::try_from(wa_id.len()).unwrap_or(u8::MAX)];
        bytes.extend_from_slice(wa_id.as_bytes());
        bytes.extend_from_slice(&[0x15, 0x02, 0x00, kind, 0x18]);
        bytes.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(key.as_bytes());
        bytes.push(0);
        format!("wamid.{}", STANDARD.encode(bytes))
    }

    /// Opaque token: an access token or a challenge.
    pub(crate) fn token(&mut self, prefix: &str) -> String {
        format!("{prefix}{:016x}{:016x}", self.next_u64(), self.next_u64())
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        let high = u32::try_from(self.next_u64() >> 32).unwrap_or(0);
        f64::from(high) / (f64::from(u32::MAX) + 1.0) < probability
    }

    /// A number below `bound` (0 when the bound is 0).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_gives_the_same_ids() {
        let (mut a, mut b) = (Ids::new(7), Ids::new(7));
        assert_eq!(
            a.wamid("16505551234", Direction::Outbound),
            b.wamid("16505551234", Direction::Outbound)
        );
        assert_eq!(a.numeric(), b.numeric());
    }

    #[test]
    fn message_ids_look_like_those_of_meta() {
        let id = Ids::new(1).wamid("16505076520", Direction::Outbound);
        assert!(id.starts_with("wamid.HBgLMTY1MDUwNzY1MjAVAgARGBI"), "{id}");
    }

    #[test]
    fn certain_and_impossible_chances_hold() {
        let mut ids = Ids::new(3);
        assert!((0..1000).all(|_| ids.chance(1.0)));
        assert!(!(0..1000).any(|_| ids.chance(0.0)));
    }
}
