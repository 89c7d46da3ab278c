//! What the fetcher counts.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use super::failure::Failure;

/// Tries by outcome.
#[derive(Debug)]
pub(super) struct MediaMetrics {
    tries: Counter<u64>,
}

impl MediaMetrics {
    pub(super) fn new() -> Self {
        let meter = sb_telemetry::meter("whatsapp-webhook");
        Self {
            tries: meter
                .u64_counter("switchboard.media.fetches")
                .with_description("tries to get received files by outcome")
                .build(),
        }
    }

    pub(super) fn tried(&self, failure: Option<&Failure>) {
        let outcome = failure.map_or("stored", Failure::kind);
        self.tries.add(1, &[KeyValue::new("outcome", outcome)]);
    }
}
