use std::{collections::BTreeMap, error::Error, fmt};

use opentelemetry::trace::TraceContextExt as _;
use serde_json::Value;
use tracing::{Event, Subscriber, dispatcher, field::Visit};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// One JSON object a line: time, level, target, message, the fields of the event and of the spans
/// around it (the inner one wins), span name and trace ids.
///
/// The format of `tracing-subscriber` knows neither trace ids nor the causes of an error.
#[derive(Debug, Default)]
pub(crate) struct JsonLines {
    clock: SystemTime,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        let mut time = String::new();
        self.clock.format_time(&mut Writer::new(&mut time))?;
        add_spans(&mut line, context);
        event.record(&mut line);
        line.put("timestamp", Value::from(time));
        line.put("level", Value::from(event.metadata().level().as_str()));
        line.put("target", Value::from(event.metadata().target()));
        let text = serde_json::to_string(&line.fields).map_err(|_| fmt::Error)?;
        writeln!(writer, "{text}")
    }
}

fn add_spans<S, N>(line: &mut Line, context: &FmtContext<'_, S, N>)
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    let Some(scope) = context.event_scope() else {
        return;
    };
    for span in scope.from_root() {
        if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
            && let Ok(fields) = serde_json::from_str::<BTreeMap<String, Value>>(fields)
        {
            line.fields.extend(fields);
        }
        line.put("span", Value::from(span.name()));
    }
    let Some(current) = context.lookup_current() else {
        return;
    };
    let otel = dispatcher::get_default(|dispatch| {
        tracing_opentelemetry::get_otel_context(&current.id(), dispatch)
    });
    let Some(otel) = otel else { return };
    let span = otel.span();
    let ids = span.span_context();
    if ids.is_valid() {
        line.put("trace_id", Value::from(ids.trace_id().to_string()));
        line.put("span_id", Value::from(ids.span_id().to_string()));
    }
}

#[derive(Default)]
struct Line {
    fields: BTreeMap<String, Value>,
}

impl Line {
    fn put(&mut self, name: &str, value: Value) {
        self.fields.insert(name.to_owned(), value);
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &tracing::field::Field, value: f64) {
        self.put(field.name(), Value::from(value));
    }

    fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
        self.put(field.name(), Value::from(value));
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.put(field.name(), Value::from(value));
    }

    fn record_bool(&mut self, field: &tracing::field::Field, value: bool) {
        self.put(field.name(), Value::from(value));
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.put(field.name(), Value::from(value));
    }

    fn record_error(&mut self, field: &tracing::field::Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.put(field.name(), Value::from(text));
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.put(field.name(), Value::from(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{fmt::format::JsonFields, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_line_holds_the_fields_of_its_spans_and_the_causes_of_its_error() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines::default())
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("outer", organization.id = "org", attempt = 1);
            let _entered = span.enter();
            let inner = tracing::info_span!("inner", attempt = 2);
            let _entered = inner.enter();
            let error = Outer(io::Error::other("inner cause"));
            tracing::warn!(error = crate::as_error(&error), size_bytes = 7, "it failed");
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let line: Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "it failed");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["organization.id"], "org");
        assert_eq!(line["attempt"], 2);
        assert_eq!(line["span"], "inner");
        assert_eq!(line["size_bytes"], 7);
        assert_eq!(line["error"], "outer: inner cause");
    }
}
