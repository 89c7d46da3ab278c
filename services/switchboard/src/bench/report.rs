//! What benchmarks print.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Figures in the order in which they were taken.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<(String, Value, &'static str)>);

impl Report {
    /// Adds a figure; the unit goes into the printed line only.
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        value: impl Into<Value>,
        unit: &'static str,
    ) {
        self.0.push((name.into(), value.into(), unit));
    }

    /// Adds a figure with one decimal.
    pub(crate) fn add_rounded(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.add(name, (value * 10.0).round() / 10.0, unit);
    }

    /// The figures as lines or as one JSON object.
    pub(crate) fn render(&self, as_json: bool) -> String {
        if as_json {
            let map: Map<String, Value> = self
                .0
                .iter()
                .map(|(name, value, _)| (name.clone(), value.clone()))
                .collect();
            return Value::Object(map).to_string();
        }
        let width = self
            .0
            .iter()
            .map(|(name, _, _)| name.len())
            .max()
            .unwrap_or(0);
        let mut text = String::new();
        for (name, value, unit) in &self.0 {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<width$}  {value} {unit}");
        }
        text
    }
}
