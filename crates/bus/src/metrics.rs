//! What the bus counts. Labels are names of consumers and outcomes: a short, fixed set.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

/// One set a process, however many connections it has.
static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

struct Metrics {
    items: Counter<u64>,
    handled: Histogram<f64>,
    published: Counter<u64>,
    publishing: Histogram<f64>,
    disconnects: Counter<u64>,
}

impl Metrics {
    fn new() -> Self {
        let meter = sb_telemetry::meter("sb-bus");
        Self {
            items: meter
                .u64_counter("switchboard.bus.items")
                .with_description("Items that a consumer finished or gave back, by outcome")
                .build(),
            handled: meter
                .f64_histogram("switchboard.bus.handling")
                .with_unit("s")
                .with_description("Time a handler took for one item or one batch")
                .build(),
            published: meter
                .u64_counter("switchboard.bus.published")
                .with_description("Items whose envelope the server acknowledged")
                .build(),
            publishing: meter
                .f64_histogram("switchboard.bus.publishing")
                .with_unit("s")
                .with_description("Time from sending an envelope to its acknowledgement")
                .build(),
            disconnects: meter
                .u64_counter("switchboard.bus.disconnects")
                .with_description("Times the connection to NATS was lost")
                .build(),
        }
    }
}

/// How an item left a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Retried,
    Discarded,
    Dead,
}

impl Outcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retried => "retried",
            Self::Discarded => "discarded",
            Self::Dead => "dead",
        }
    }
}

/// What one consumer counts.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerMetrics {
    consumer: KeyValue,
}

impl ConsumerMetrics {
    pub(crate) fn new(consumer: &str) -> Self {
        Self {
            consumer: KeyValue::new("consumer", consumer.to_owned()),
        }
    }

    pub(crate) fn count(&self, outcome: Outcome, items: usize) {
        if items > 0 {
            let labels = [
                self.consumer.clone(),
                KeyValue::new("outcome", outcome.label()),
            ];
            METRICS
                .items
                .add(u64::try_from(items).unwrap_or(u64::MAX), &labels);
        }
    }

    pub(crate) fn handled(&self, took: Duration) {
        METRICS
            .handled
            .record(took.as_secs_f64(), std::slice::from_ref(&self.consumer));
    }
}

/// Counts an acknowledged envelope.
pub(crate) fn published(items: usize, took: Duration) {
    METRICS
        .published
        .add(u64::try_from(items).unwrap_or(u64::MAX), &[]);
    METRICS.publishing.record(took.as_secs_f64(), &[]);
}

/// Counts a lost connection.
pub(crate) fn disconnected() {
    METRICS.disconnects.add(1, &[]);
}
