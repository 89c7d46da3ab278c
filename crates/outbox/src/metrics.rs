//! What the relay counts.

use std::time::Duration;

use opentelemetry::metrics::{Counter, Gauge};

/// Rows relayed, and how far behind the relay is.
#[derive(Debug)]
pub(crate) struct Metrics {
    relayed: Counter<u64>,
    age: Gauge<f64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = sb_telemetry::meter("sb-outbox");
        Self {
            relayed: meter
                .u64_counter("switchboard.outbox.relayed")
                .with_description("events taken from the outbox to the bus")
                .build(),
            age: meter
                .f64_gauge("switchboard.outbox.age")
                .with_unit("s")
                .with_description("age of the oldest event that waits")
                .build(),
        }
    }

    /// Rows that were published and deleted.
    pub(crate) fn relayed(&self, rows: usize) {
        self.relayed
            .add(u64::try_from(rows).unwrap_or(u64::MAX), &[]);
    }

    /// How long the oldest row has waited; nothing when there is none.
    pub(crate) fn oldest(&self, age: Duration) {
        self.age.record(age.as_secs_f64(), &[]);
    }
}
