use std::{
    sync::{OnceLock, PoisonError, RwLock},
    time::Duration,
};

use opentelemetry::{
    global,
    metrics::{Meter, MeterProvider as _},
};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{
    Resource,
    metrics::{
        Aggregation, Instrument, InstrumentKind, MeterProviderBuilder, PeriodicReader,
        SdkMeterProvider, Stream,
    },
};
use prometheus::{Encoder as _, Registry, TextEncoder};
use sb_config::TelemetrySettings;

use crate::TelemetryError;

const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
const EXPORT_INTERVAL: Duration = Duration::from_secs(30);

/// Bounds of every histogram measured in seconds: from a cached lookup to a long model answer.
const SECONDS: [f64; 16] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    120.0,
];

/// The metrics of this process. There is one set because a process has one `/metrics` page.
struct Metrics {
    registry: Registry,
    provider: SdkMeterProvider,
}

static METRICS: OnceLock<Metrics> = OnceLock::new();

/// Held while metrics are set up, so that two first callers do not build two sets.
static SETUP: RwLock<()> = RwLock::new(());

/// The meter of one crate or service. Name instruments `switchboard.<area>.<thing>` with a unit;
/// label values are enums, never ids.
pub fn meter(name: &'static str) -> Meter {
    match metrics(None) {
        Ok(metrics) => metrics.provider.meter(name),
        // Only a broken exporter gets us here; a service without metrics is better than none.
        Err(_) => global::meter(name),
    }
}

/// All metrics of this process in Prometheus' text format.
pub fn metrics_text() -> String {
    let Ok(metrics) = metrics(None) else {
        return String::new();
    };
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&metrics.registry.gather(), &mut text) {
        tracing::warn!(
            error = crate::as_error(&error),
            "some metrics cannot be encoded"
        );
    }
    String::from_utf8(text).unwrap_or_default()
}

/// Sets the metrics up with the given settings unless somebody already has.
pub(crate) fn install(
    settings: &TelemetrySettings,
    resource: &Resource,
) -> Result<SdkMeterProvider, TelemetryError> {
    Ok(metrics(Some((settings, resource)))?.provider.clone())
}

fn metrics(
    wanted: Option<(&TelemetrySettings, &Resource)>,
) -> Result<&'static Metrics, TelemetryError> {
    if let Some(metrics) = METRICS.get() {
        return Ok(metrics);
    }
    let _setup = SETUP.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(metrics) = METRICS.get() {
        return Ok(metrics);
    }
    let built = build(wanted)?;
    global::set_meter_provider(built.provider.clone());
    Ok(METRICS.get_or_init(|| built))
}

fn build(wanted: Option<(&TelemetrySettings, &Resource)>) -> Result<Metrics, TelemetryError> {
    let registry = Registry::new();
    let prometheus = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .build()
        .map_err(TelemetryError::Prometheus)?;
    let mut builder = SdkMeterProvider::builder()
        .with_reader(prometheus)
        .with_view(seconds_view);
    if let Some((settings, resource)) = wanted {
        builder = builder.with_resource(resource.clone());
        if !settings.otlp_endpoint.is_empty() {
            builder = with_otlp(builder, &settings.otlp_endpoint)?;
        }
    }
    Ok(Metrics {
        registry,
        provider: builder.build(),
    })
}

fn with_otlp(
    builder: MeterProviderBuilder,
    endpoint: &str,
) -> Result<MeterProviderBuilder, TelemetryError> {
    let endpoint = format!("{}/v1/metrics", endpoint.trim_end_matches('/'));
    let exporter = opentelemetry_otlp::MetricExporter::builder()
        .with_http()
        .with_endpoint(&endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|source| TelemetryError::Exporter {
            signal: "metrics",
            endpoint,
            source,
        })?;
    Ok(builder.with_reader(
        PeriodicReader::builder(exporter)
            .with_interval(EXPORT_INTERVAL)
            .build(),
    ))
}

fn seconds_view(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram || instrument.unit() != "s" {
        return None;
    }
    let aggregation = Aggregation::ExplicitBucketHistogram {
        boundaries: SECONDS.to_vec(),
        record_min_max: false,
    };
    Stream::builder().with_aggregation(aggregation).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_value_appears_in_the_prometheus_text() {
        let meter = meter("test");
        meter
            .u64_counter("switchboard.test.things")
            .build()
            .add(3, &[]);
        let seconds = meter
            .f64_histogram("switchboard.test.duration")
            .with_unit("s")
            .build();
        seconds.record(0.2, &[]);
        let text = metrics_text();
        assert!(text.contains("switchboard_test_things_total 3"), "{text}");
        assert!(
            text.contains("switchboard_test_duration_seconds_bucket{le=\"0.25\"} 1"),
            "{text}"
        );
    }
}
