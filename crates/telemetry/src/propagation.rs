use std::collections::HashMap;

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TraceContextExt as _,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const HEADERS: [&str; 2] = ["traceparent", "tracestate"];

/// The trace headers (`traceparent`, and `tracestate` where there is one) of the current span, for
/// an HTTP request, a JetStream message or a row. Empty when there is no span.
///
/// # Source
///
/// W3C Trace Context, <https://www.w3.org/TR/trace-context/>.
pub fn inject_current() -> Vec<(String, String)> {
    let context = Span::current().context();
    let mut headers = Headers(Vec::new());
    TraceContextPropagator::new().inject_context(&context, &mut headers);
    headers.0
}

/// Makes the trace in `headers` the parent of `span`. To be called right after the span was made;
/// headers that hold no trace change nothing.
pub fn set_parent<'a>(span: &Span, headers: impl Iterator<Item = (&'a str, &'a str)>) {
    let context = extract(headers);
    if context.span().span_context().is_valid() {
        // It fails only where tracing is off or the span is already running: then there is no
        // parent to be had, which is no reason to fail the work.
        let _ = span.set_parent(context);
    }
}

/// Links `span` to the trace in `headers` without becoming its child: for scheduled and backfill
/// work, whose own trace would otherwise last for days.
pub fn add_link<'a>(span: &Span, headers: impl Iterator<Item = (&'a str, &'a str)>) {
    let context = extract(headers);
    span.add_link(context.span().span_context().clone());
}

/// The id of the trace the current span belongs to, as 32 hex digits.
pub fn current_trace_id() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let span_context = span.span_context();
    span_context
        .is_valid()
        .then(|| span_context.trace_id().to_string())
}

fn extract<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Context {
    let found: HashMap<&'static str, &'a str> = headers
        .filter_map(|(name, value)| {
            let known = HEADERS
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(name))?;
            Some((known, value))
        })
        .collect();
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Carrier(found))
}

struct Headers(Vec<(String, String)>);

impl Injector for Headers {
    fn set(&mut self, key: &str, value: String) {
        // An empty tracestate says nothing; leaving it out saves a header on every message.
        if !value.is_empty() {
            self.0.push((key.to_owned(), value));
        }
    }
}

struct Carrier<'a>(HashMap<&'static str, &'a str>);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).copied()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn with_tracing(test: impl FnOnce()) {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), test);
    }

    #[test]
    fn a_trace_survives_the_way_through_headers() {
        with_tracing(|| {
            let span = tracing::info_span!("consumer");
            set_parent(&span, [("TraceParent", PARENT), ("other", "x")].into_iter());
            let entered = span.enter();
            let headers = inject_current();
            assert_eq!(headers.len(), 1);
            assert_eq!(headers[0].0, "traceparent");
            assert!(
                headers[0]
                    .1
                    .starts_with("00-0af7651916cd43dd8448eb211c80319c-")
            );
            assert_ne!(headers[0].1, PARENT);
            assert_eq!(
                current_trace_id().unwrap(),
                "0af7651916cd43dd8448eb211c80319c"
            );
            drop(entered);
        });
    }

    #[test]
    fn malformed_headers_are_ignored() {
        with_tracing(|| {
            let span = tracing::info_span!("consumer");
            set_parent(&span, [("traceparent", "nonsense")].into_iter());
            let entered = span.enter();
            assert_eq!(inject_current().len(), 1, "a trace of its own");
            drop(entered);
        });
    }

    #[test]
    fn without_a_span_there_are_no_headers() {
        assert!(inject_current().is_empty());
        assert!(current_trace_id().is_none());
    }
}
