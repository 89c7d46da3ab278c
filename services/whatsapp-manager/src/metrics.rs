//! What is counted.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use crate::failure::Failure;
use crate::profiles::Refreshed;

/// The instruments of the service.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    refreshes: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let refreshes = sb_telemetry::meter("whatsapp-manager")
            .u64_counter("switchboard.manager.refreshes")
            .with_description("Profiles of numbers read from Meta, by outcome")
            .build();
        Self { refreshes }
    }

    /// Counts one attempt to read a profile.
    pub(crate) fn refreshed(&self, outcome: Result<&Refreshed, &Failure>) {
        let outcome = match outcome {
            Ok(refreshed) if refreshed.changed.is_empty() => "unchanged",
            Ok(_) => "changed",
            Err(failure) => failure.kind(),
        };
        self.refreshes.add(1, &[KeyValue::new("outcome", outcome)]);
    }
}
