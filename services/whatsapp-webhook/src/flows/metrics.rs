//! What the data exchange counts.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

/// Requests by what was answered, and how long makers of screens took.
#[derive(Debug)]
pub(crate) struct FlowMetrics {
    exchanges: Counter<u64>,
    handlers: Histogram<f64>,
}

impl FlowMetrics {
    pub(crate) fn new() -> Self {
        let meter = sb_telemetry::meter("whatsapp-webhook");
        Self {
            exchanges: meter
                .u64_counter("switchboard.flows.exchanges")
                .with_description("requests of WhatsApp Flows by answer and action")
                .build(),
            handlers: meter
                .f64_histogram("switchboard.flows.handler_duration")
                .with_unit("s")
                .with_description("Time until a screen was made, by who makes it and outcome")
                .build(),
        }
    }

    /// Counts an answer; `action` is `unknown` for what was not decrypted.
    pub(crate) fn count(&self, answer: &'static str, action: &'static str) {
        let labels = [
            KeyValue::new("answer", answer),
            KeyValue::new("action", action),
        ];
        self.exchanges.add(1, &labels);
    }

    pub(super) fn handled(&self, handler: &'static str, outcome: &'static str, took: Duration) {
        let labels = [
            KeyValue::new("handler", handler),
            KeyValue::new("outcome", outcome),
        ];
        self.handlers.record(took.as_secs_f64(), &labels);
    }
}
