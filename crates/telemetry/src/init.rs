use std::{io::IsTerminal as _, sync::OnceLock, time::Duration};

use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{
    Resource,
    metrics::SdkMeterProvider,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use sb_config::{LogFormat, TelemetrySettings};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::LevelFilter, fmt::format::JsonFields,
    layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{TelemetryError, as_error, json_lines::JsonLines, metrics};

const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

static INITIALISED: OnceLock<()> = OnceLock::new();

/// Keeps the exporters; [`TelemetryGuard::shutdown`] sends what they still hold.
#[derive(Debug)]
#[must_use = "telemetry that is not shut down loses its last seconds"]
pub struct TelemetryGuard {
    /// Set only where something is exported: shutting the providers down also ends `/metrics`.
    providers: Option<(SdkTracerProvider, SdkMeterProvider)>,
}

impl TelemetryGuard {
    /// Sends what is still buffered. It blocks, so call it outside of the async runtime, last of
    /// all.
    pub fn shutdown(self) {
        let Some((traces, metrics)) = self.providers else {
            return;
        };
        if let Err(error) = traces.shutdown() {
            tracing::warn!(error = as_error(&error), "the last traces are lost");
        }
        if let Err(error) = metrics.shutdown() {
            tracing::warn!(error = as_error(&error), "the last metrics are lost");
        }
    }
}

/// Sets up logs, traces and metrics of this process. The first call counts; later ones (tests, or
/// several services in one process) change nothing and return a guard that does nothing.
///
/// Log lines go to standard error. Spans always get trace ids, so that a trace can be followed
/// through logs and rows where nothing collects traces. With a collector, a rustls crypto provider
/// must be installed before this is called, because its HTTP client is built here.
///
/// # Errors
///
/// When the filter is malformed or an exporter cannot be built.
pub fn init(
    settings: &TelemetrySettings,
    service_name: &'static str,
) -> Result<TelemetryGuard, TelemetryError> {
    if INITIALISED.set(()).is_err() {
        return Ok(TelemetryGuard { providers: None });
    }
    let filter = parse_filter(&settings.log_filter)?;
    let resource = Resource::builder()
        .with_service_name(service_name)
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            env!("CARGO_PKG_VERSION"),
        ))
        .build();
    let meter_provider = metrics::install(settings, &resource)?;
    let tracer_provider = tracer_provider(settings, resource)?;
    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_tracer_provider(tracer_provider.clone());

    let spans = tracing_opentelemetry::layer()
        .with_tracer(tracer_provider.tracer("switchboard"))
        .with_location(false)
        .with_threads(false)
        .with_filter(LevelFilter::INFO);
    let subscriber = tracing_subscriber::registry()
        .with(log_layer(settings.log_format).with_filter(filter))
        .with(spans);
    // A test harness may have installed its own subscriber; that one then stays.
    let _ = subscriber.try_init();
    let is_exporting = !settings.otlp_endpoint.is_empty();
    Ok(TelemetryGuard {
        providers: is_exporting.then_some((tracer_provider, meter_provider)),
    })
}

fn parse_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|source| TelemetryError::Filter {
            filter: filter.to_owned(),
            source,
        })
}

fn log_layer(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let is_terminal = std::io::stderr().is_terminal();
    let is_json = match format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Json => true,
        LogFormat::Pretty => false,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if is_json {
        layer
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines::default())
            .boxed()
    } else {
        layer.with_ansi(is_terminal).boxed()
    }
}

fn tracer_provider(
    settings: &TelemetrySettings,
    resource: Resource,
) -> Result<SdkTracerProvider, TelemetryError> {
    let builder = SdkTracerProvider::builder().with_resource(resource);
    if settings.otlp_endpoint.is_empty() {
        // Nothing collects spans: give them ids, record nothing.
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
        return Ok(builder.with_sampler(sampler).build());
    }
    let endpoint = format!("{}/v1/traces", settings.otlp_endpoint.trim_end_matches('/'));
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(&endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|source| TelemetryError::Exporter {
            signal: "traces",
            endpoint,
            source,
        })?;
    let ratio = Sampler::TraceIdRatioBased(settings.sample_ratio);
    Ok(builder
        .with_sampler(Sampler::ParentBased(Box::new(ratio)))
        .with_batch_exporter(exporter)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_get_trace_ids_even_where_nothing_collects_them() {
        let settings = TelemetrySettings::default();
        let guard = init(&settings, "test").unwrap();
        let second = init(&settings, "test").unwrap();
        let span = tracing::info_span!("work");
        let entered = span.enter();
        assert!(crate::current_trace_id().is_some());
        assert_eq!(crate::inject_current().len(), 1);
        drop(entered);
        second.shutdown();
        guard.shutdown();
    }

    #[test]
    fn a_malformed_filter_is_named() {
        let error = parse_filter("sb_bus=loud").unwrap_err();
        assert!(error.to_string().contains("sb_bus=loud"), "{error}");
    }
}
