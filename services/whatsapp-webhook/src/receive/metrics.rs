//! What the receiving half counts.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

/// Posts by what was answered.
#[derive(Debug)]
pub(crate) struct ReceiveMetrics(Counter<u64>);

impl ReceiveMetrics {
    pub(crate) fn new() -> Self {
        let counter = sb_telemetry::meter("whatsapp-webhook")
            .u64_counter("switchboard.webhook.posts")
            .with_description("webhook posts by answer")
            .build();
        Self(counter)
    }

    pub(crate) fn count(&self, answer: &'static str) {
        self.0.add(1, &[KeyValue::new("answer", answer)]);
    }
}
