use std::error::Error;

/// An error as a log field: `error = as_error(&error)`. The log then shows all its causes.
///
/// It only changes the type, which a plain `as` cast could do as well, were casts not banned for
/// what they do to numbers.
pub fn as_error<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    error
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `telemetry.log_filter` is not a tracing filter.
    #[error("reading the log filter {filter:?}")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The exporter to the collector could not be built.
    #[error("preparing the export of {signal} to {endpoint}")]
    Exporter {
        /// `traces` or `metrics`.
        signal: &'static str,
        /// The address of the collector.
        endpoint: String,
        /// What is wrong.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// The Prometheus exporter could not be built.
    #[error("preparing the Prometheus metrics")]
    Prometheus(#[source] opentelemetry_sdk::error::OTelSdkError),
}
