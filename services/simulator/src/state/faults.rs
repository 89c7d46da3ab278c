//! Switches that make the simulated Meta slow, wrong, strict or silent.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::Ids;

/// An error answer or a failed status, on demand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorFault {
    /// Meta's error code.
    pub code: i64,
    /// HTTP status; by default the one Meta uses for the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Text of `error_data.details`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// How often, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// How many times in all; absent means without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A fault that strikes by chance or a number of times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChanceFault {
    /// How often, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// How many times in all; absent means without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// What is wrong with files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaTrouble {
    /// Links are too old when they are given out.
    ExpiredLink,
    /// The announced hash is another file's.
    WrongHash,
    /// There is no such file any more.
    Gone,
    /// Downloads answer 503.
    Outage,
}

/// Trouble with files, a number of times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaFault {
    /// What is wrong.
    pub trouble: MediaTrouble,
    /// How many times in all; absent means without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

const fn always() -> f64 {
    1.0
}

/// When a send outside the customer service window is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowCheck {
    /// Never: everything is accepted.
    Off,
    /// In the answer, with 131047.
    Answer,
    /// Later, with a failed status.
    Status,
}

/// One set of switches. What is absent is as without faults (for a number: as
/// the global set says).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Delay before each Graph answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Error answers of the Graph API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorFault>,
    /// Sends that are processed but whose connection drops before the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_answer: Option<ChanceFault>,
    /// Messages that are accepted and fail later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub async_error: Option<ErrorFault>,
    /// Every Graph call answers 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage: Option<bool>,
    /// Files that cannot be had as they should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaFault>,
    /// Enforce the number's messages per second with 130429.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttling: Option<bool>,
    /// Enforce one message per 6 seconds and pair, burst 45, with 131056.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pair_rate: Option<bool>,
    /// Enforce the customer service window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforce_window: Option<WindowCheck>,
    /// Accept templates that do not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lenient_templates: Option<bool>,
    /// Probability that a webhook is posted twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_webhooks: Option<f64>,
    /// Deliver webhooks in random order, each within this many milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder_webhooks_ms: Option<u64>,
    /// Most updates in one webhook post, up to 1000. Global only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// Concurrent webhook posts to one app. Global only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_concurrency: Option<usize>,
    /// Keep statuses back until they are released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_statuses: Option<bool>,
    /// Whether messages become sent, delivered and read by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_statuses: Option<bool>,
    /// Whether phones read by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_read: Option<bool>,
    /// Delay from acceptance to sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_ms: Option<u64>,
    /// Delay from sent to delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_ms: Option<u64>,
    /// Delay from delivered to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_ms: Option<u64>,
    /// First wait before a webhook is posted again; doubles. Global only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_base_ms: Option<u64>,
    /// Longest wait between two tries. Global only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_cap_ms: Option<u64>,
    /// Age at which a webhook is given up. Global only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_horizon_s: Option<u64>,
}

impl Faults {
    /// Overlays `number` on `self`.
    fn with(&self, number: Option<&Self>) -> Self {
        let Some(number) = number.cloned() else {
            return self.clone();
        };
        let base = self.clone();
        Self {
            latency_ms: number.latency_ms.or(base.latency_ms),
            error: number.error.or(base.error),
            lost_answer: number.lost_answer.or(base.lost_answer),
            async_error: number.async_error.or(base.async_error),
            outage: number.outage.or(base.outage),
            media: number.media.or(base.media),
            throttling: number.throttling.or(base.throttling),
            pair_rate: number.pair_rate.or(base.pair_rate),
            enforce_window: number.enforce_window.or(base.enforce_window),
            lenient_templates: number.lenient_templates.or(base.lenient_templates),
            duplicate_webhooks: number.duplicate_webhooks.or(base.duplicate_webhooks),
            reorder_webhooks_ms: number.reorder_webhooks_ms.or(base.reorder_webhooks_ms),
            hold_statuses: number.hold_statuses.or(base.hold_statuses),
            auto_statuses: number.auto_statuses.or(base.auto_statuses),
            auto_read: number.auto_read.or(base.auto_read),
            sent_ms: number.sent_ms.or(base.sent_ms),
            delivered_ms: number.delivered_ms.or(base.delivered_ms),
            read_ms: number.read_ms.or(base.read_ms),
            ..base
        }
    }

    /// Delay from acceptance to the sent status.
    pub(crate) fn sent_after(&self) -> Duration {
        Duration::from_millis(self.sent_ms.unwrap_or(30))
    }

    /// Delay from sent to delivered.
    pub(crate) fn delivered_after(&self) -> Duration {
        Duration::from_millis(self.delivered_ms.unwrap_or(250))
    }

    /// Delay from delivered to read.
    pub(crate) fn read_after(&self) -> Duration {
        Duration::from_millis(self.read_ms.unwrap_or(900))
    }

    /// Updates of one post.
    pub(crate) fn batch(&self) -> usize {
        self.batch_size.unwrap_or(1).clamp(1, 1000)
    }
}

/// What strikes one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Strike {
    pub(crate) latency: Duration,
    pub(crate) outage: bool,
    pub(crate) error: Option<ErrorFault>,
}

/// The global set and the sets of numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultBook {
    pub(crate) global: Faults,
    pub(crate) numbers: BTreeMap<String, Faults>,
}

impl FaultBook {
    /// Switches in force for a number.
    pub(crate) fn of(&self, number_id: &str) -> Faults {
        self.global.with(self.numbers.get(number_id))
    }

    /// Draws what happens to a Graph call, using up counted faults.
    pub(crate) fn strike(&mut self, number_id: &str, ids: &mut Ids) -> Strike {
        let faults = self.of(number_id);
        let error = self.draw_error(number_id, ids, |faults| &mut faults.error);
        Strike {
            latency: Duration::from_millis(faults.latency_ms.unwrap_or(0)),
            outage: faults.outage.unwrap_or(false),
            error,
        }
    }

    /// True when this send's answer must get lost.
    pub(crate) fn lose_answer(&mut self, number_id: &str, ids: &mut Ids) -> bool {
        let set = match self.numbers.get_mut(number_id) {
            Some(faults) if faults.lost_answer.is_some() => faults,
            _ => &mut self.global,
        };
        let Some(fault) = &mut set.lost_answer else {
            return false;
        };
        if !ids.chance(fault.probability) || fault.count == Some(0) {
            return false;
        }
        fault.count = fault.count.map(|count| count - 1);
        true
    }

    /// What is wrong with a file of the number now, if it is one of `these`.
    pub(crate) fn trouble_media(
        &mut self,
        number_id: &str,
        these: &[MediaTrouble],
    ) -> Option<MediaTrouble> {
        let set = match self.numbers.get_mut(number_id) {
            Some(faults) if faults.media.is_some() => faults,
            _ => &mut self.global,
        };
        let fault = set.media.as_mut()?;
        if fault.count == Some(0) || !these.contains(&fault.trouble) {
            return None;
        }
        fault.count = fault.count.map(|count| count - 1);
        Some(fault.trouble)
    }

    /// The later failure of an accepted message, if it must fail.
    pub(crate) fn fail_later(&mut self, number_id: &str, ids: &mut Ids) -> Option<ErrorFault> {
        self.draw_error(number_id, ids, |faults| &mut faults.async_error)
    }

    fn draw_error(
        &mut self,
        number_id: &str,
        ids: &mut Ids,
        field: impl Fn(&mut Faults) -> &mut Option<ErrorFault>,
    ) -> Option<ErrorFault> {
        let of_number = self
            .numbers
            .get_mut(number_id)
            .and_then(|faults| field(faults).as_mut());
        let fault = match of_number {
            Some(fault) => fault,
            None => field(&mut self.global).as_mut()?,
        };
        if fault.count == Some(0) || !ids.chance(fault.probability) {
            return None;
        }
        fault.count = fault.count.map(|count| count - 1);
        Some(fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_overrides_only_what_it_names() {
        let mut book = FaultBook::default();
        book.global.latency_ms = Some(5);
        book.global.outage = Some(true);
        book.numbers.insert(
            "1".to_owned(),
            Faults {
                outage: Some(false),
                ..Faults::default()
            },
        );
        assert_eq!(book.of("1").latency_ms, Some(5));
        assert_eq!(book.of("1").outage, Some(false));
        assert_eq!(book.of("2").outage, Some(true));
    }

    #[test]
    fn counted_error_strikes_exactly_that_often() {
        let mut book = FaultBook::default();
        book.global.error = Some(ErrorFault {
            code: 131_016,
            status: None,
            details: None,
            probability: 1.0,
            count: Some(2),
        });
        let mut ids = Ids::new(1);
        let struck = (0..5)
            .filter(|_| book.strike("1", &mut ids).error.is_some())
            .count();
        assert_eq!(struck, 2);
    }

    #[test]
    fn misspelled_switch_is_refused() {
        assert!(serde_json::from_str::<Faults>(r#"{"latencyms": 3}"#).is_err());
    }
}
