//! What is counted about turns. Labels are words of enums.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use sb_llm::Usage;

use crate::turn::Outcome;

/// The instruments of the service.
#[derive(Debug)]
pub(crate) struct TurnMetrics {
    asked: Counter<u64>,
    turns: Counter<u64>,
    duration: Histogram<f64>,
    delay: Histogram<f64>,
    model: Histogram<f64>,
    tokens: Counter<u64>,
}

impl TurnMetrics {
    pub(crate) fn new() -> Self {
        let meter = sb_telemetry::meter("agent-client");
        let seconds = |name: &'static str, description: &'static str| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .build()
        };
        let count = |name: &'static str, description: &'static str| {
            meter
                .u64_counter(name)
                .with_description(description)
                .build()
        };
        Self {
            asked: count("switchboard.agent.asked", "Turns that messages made due"),
            turns: count("switchboard.agent.turns", "Attempts at turns, by outcome"),
            duration: seconds("switchboard.agent.turn", "Time of one attempt at a turn"),
            delay: seconds(
                "switchboard.agent.delay",
                "Time from when a turn was due to its end",
            ),
            model: seconds("switchboard.agent.model", "Time of one question to a model"),
            tokens: count("switchboard.agent.tokens", "Tokens of models, by direction"),
        }
    }

    /// Counts turns made due.
    pub(crate) fn asked(&self, turns: usize) {
        self.asked
            .add(u64::try_from(turns).unwrap_or(u64::MAX), &[]);
    }

    /// Counts an attempt.
    pub(crate) fn turn(&self, outcome: Outcome, took: Duration, since_due: Duration) {
        let labels = [KeyValue::new("outcome", outcome.as_str())];
        self.turns.add(1, &labels);
        self.duration.record(took.as_secs_f64(), &labels);
        self.delay.record(since_due.as_secs_f64(), &labels);
    }

    /// Counts a question to a model.
    pub(crate) fn model(&self, outcome: &'static str, took: Duration, usage: Option<Usage>) {
        let labels = [KeyValue::new("outcome", outcome)];
        self.model.record(took.as_secs_f64(), &labels);
        if let Some(usage) = usage {
            for (direction, tokens) in [
                ("input", usage.input_tokens),
                ("cached", usage.cached_tokens),
                ("output", usage.output_tokens),
            ] {
                self.tokens
                    .add(tokens, &[KeyValue::new("direction", direction)]);
            }
        }
    }
}
