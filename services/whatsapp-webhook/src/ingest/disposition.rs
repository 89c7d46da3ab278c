//! What became of each update.

use std::collections::BTreeMap;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

/// What became of an update; each has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Disposition {
    /// A message became a row.
    Stored,
    /// It had been handled before.
    Duplicate,
    /// A status changed its message, or waits for a message that is not known yet.
    Applied,
    /// It says nothing that was not known.
    Ignored(&'static str),
    /// A type without a meaning yet: kept as it came.
    Kept,
    /// It could not be handled: kept with the reason.
    Quarantined(&'static str),
}

impl Disposition {
    const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Stored => ("stored", ""),
            Self::Duplicate => ("duplicate", ""),
            Self::Applied => ("applied", ""),
            Self::Ignored(reason) => ("ignored", reason),
            Self::Kept => ("kept", ""),
            Self::Quarantined(reason) => ("quarantined", reason),
        }
    }
}

/// `stored`, `quarantined:number.unknown`: the name with its reason.
impl std::fmt::Display for Disposition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.labels() {
            (name, "") => f.write_str(name),
            (name, reason) => write!(f, "{name}:{reason}"),
        }
    }
}

/// Counts dispositions.
#[derive(Debug)]
pub(crate) struct Dispositions(Counter<u64>);

impl Dispositions {
    pub(crate) fn new() -> Self {
        let counter = sb_telemetry::meter("whatsapp-webhook")
            .u64_counter("switchboard.ingest.updates")
            .with_description("updates by what became of them")
            .build();
        Self(counter)
    }

    pub(crate) fn count(&self, dispositions: &[Disposition]) {
        let mut totals: BTreeMap<Disposition, u64> = BTreeMap::new();
        for disposition in dispositions {
            *totals.entry(*disposition).or_default() += 1;
        }
        for (disposition, count) in totals {
            let (name, reason) = disposition.labels();
            let labels = [
                KeyValue::new("disposition", name),
                KeyValue::new("reason", reason),
            ];
            self.0.add(count, &labels);
            if let Disposition::Quarantined(reason) = disposition {
                tracing::warn!(reason, count, "updates were put in quarantine");
            }
        }
    }
}
