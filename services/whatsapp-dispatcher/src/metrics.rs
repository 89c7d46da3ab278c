//! What the dispatcher counts. Labels are words of outcomes and classes: a short, fixed set.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram};

use crate::rules::Verdict;

/// The class of what needs none.
pub(crate) const NO_CLASS: &str = "none";

/// The instruments.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    outcomes: Counter<u64>,
    graph: Histogram<f64>,
    waited: Histogram<f64>,
    in_flight: Gauge<u64>,
    worklist: Gauge<u64>,
    oldest_due: Gauge<f64>,
    read_marks: Counter<u64>,
}

impl Metrics {
    /// Makes them.
    pub(crate) fn new() -> Self {
        let meter = sb_telemetry::meter("whatsapp-dispatcher");
        Self {
            outcomes: meter
                .u64_counter("switchboard.dispatch.sends")
                .with_description("Claimed messages, by outcome and class of the refusal")
                .build(),
            graph: meter
                .f64_histogram("switchboard.dispatch.graph")
                .with_unit("s")
                .with_description("Time Meta took to answer a send")
                .build(),
            waited: meter
                .f64_histogram("switchboard.dispatch.waited")
                .with_unit("s")
                .with_description("Time from when a message was due to its request")
                .build(),
            in_flight: meter
                .u64_gauge("switchboard.dispatch.in_flight")
                .with_description("Messages between claim and record")
                .build(),
            worklist: meter
                .u64_gauge("switchboard.dispatch.conversations")
                .with_description("Conversations that may have something to send")
                .build(),
            oldest_due: meter
                .f64_gauge("switchboard.dispatch.oldest_due")
                .with_unit("s")
                .with_description("How long the longest waiting message has been due")
                .build(),
            read_marks: meter
                .u64_counter("switchboard.dispatch.read_marks")
                .with_description("Read marks, by outcome")
                .build(),
        }
    }

    /// An attempt has its outcome.
    pub(crate) fn outcome(&self, verdict: &Verdict, class: &'static str) {
        let labels = [
            KeyValue::new("outcome", verdict.as_str()),
            KeyValue::new("class", class),
        ];
        self.outcomes.add(1, &labels);
    }

    /// Meta answered, or did not.
    pub(crate) fn graph_answered(&self, after: Duration, is_accepted: bool) {
        let labels = [KeyValue::new("accepted", is_accepted)];
        self.graph.record(after.as_secs_f64(), &labels);
    }

    /// A request is made so long after it was due.
    pub(crate) fn waited(&self, time: TimeDelta) {
        let seconds = time.to_std().unwrap_or_default().as_secs_f64();
        self.waited.record(seconds, &[]);
    }

    /// How much there is to do.
    pub(crate) fn load(&self, in_flight: usize, conversations: usize) {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        self.in_flight.record(count(in_flight), &[]);
        self.worklist.record(count(conversations), &[]);
    }

    /// Since when the longest waiting message has been due.
    pub(crate) fn oldest_due(&self, since: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        let age = since.and_then(|since| (now - since).to_std().ok());
        self.oldest_due
            .record(age.unwrap_or_default().as_secs_f64(), &[]);
    }

    /// A read mark was made, or given up.
    pub(crate) fn read_mark(&self, outcome: &'static str) {
        self.read_marks.add(1, &[KeyValue::new("outcome", outcome)]);
    }
}
