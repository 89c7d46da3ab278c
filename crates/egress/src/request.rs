use std::time::Duration;

use opentelemetry::KeyValue;
use reqwest::{Body, RequestBuilder, header::HeaderValue, multipart::Form};
use serde::Serialize;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field::Empty};

use crate::{Egress, EgressError, Response};

/// A request being put together; nothing happens before [`EgressRequest::send`].
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct EgressRequest {
    egress: Egress,
    builder: RequestBuilder,
    is_trusted: bool,
}

impl EgressRequest {
    pub(crate) fn new(egress: Egress, builder: RequestBuilder) -> Self {
        Self {
            egress,
            builder,
            is_trusted: false,
        }
    }

    /// Declares that the operator configured this address (the Graph API, a model provider's base
    /// URL): it may be private, and it gets our trace headers. Never for an address a tenant gave.
    pub fn trusted(mut self) -> Self {
        self.is_trusted = true;
        self
    }

    /// Adds a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.change(|builder| builder.header(name, value))
    }

    /// Adds a header whose value is kept out of every debug output.
    pub fn secret_header(self, name: &str, value: &str) -> Self {
        self.change(|builder| match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(true);
                builder.header(name, value)
            }
            // Lets the builder report the malformed value when the request is sent.
            Err(_) => builder.header(name, value),
        })
    }

    /// Adds `Authorization: Bearer …`.
    pub fn bearer(self, token: &str) -> Self {
        self.change(|builder| builder.bearer_auth(token))
    }

    /// Adds query parameters.
    pub fn query<T: Serialize + ?Sized>(self, query: &T) -> Self {
        self.change(|builder| builder.query(query))
    }

    /// Sets a JSON body.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Self {
        self.change(|builder| builder.json(body))
    }

    /// Sets an url-encoded form as the body.
    pub fn form<T: Serialize + ?Sized>(self, body: &T) -> Self {
        self.change(|builder| builder.form(body))
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.change(|builder| builder.body(body))
    }

    /// Sets a multipart form as the body.
    pub fn multipart(self, form: Form) -> Self {
        self.change(|builder| builder.multipart(form))
    }

    /// Limits the whole exchange, reading the body included; without it the setting
    /// `egress.request_timeout_ms` holds. For a stream of events, give the longest useful stream.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.change(|builder| builder.timeout(timeout))
    }

    /// Sends the request and waits for the head of the answer. Any status is an answer; redirects
    /// are not followed. `operation` names the span and labels the metric
    /// (`meta.messages.send`).
    ///
    /// # Errors
    ///
    /// See [`EgressError`]; [`EgressError::certainly_not_sent`] tells whether repeating is safe.
    pub async fn send(self, operation: &'static str) -> Result<Response, EgressError> {
        let span = tracing::info_span!(
            "egress.request",
            otel.name = operation,
            otel.kind = "client",
            http.request.method = Empty,
            server.address = Empty,
            http.response.status_code = Empty,
            error.type = Empty,
        );
        let duration = self.egress.inner.duration.clone();
        let started = Instant::now();
        let result = self.exchange().instrument(span.clone()).await;
        let outcome = record_outcome(&span, &result);
        let labels = [
            KeyValue::new("operation", operation),
            KeyValue::new("outcome", outcome),
        ];
        duration.record(started.elapsed().as_secs_f64(), &labels);
        result
    }

    async fn exchange(self) -> Result<Response, EgressError> {
        let Self {
            egress,
            builder,
            is_trusted,
        } = self;
        let builder = if is_trusted {
            let headers = sb_telemetry::inject_current();
            headers.into_iter().fold(builder, |builder, (name, value)| {
                builder.header(name, value)
            })
        } else {
            builder
        };
        let request = builder
            .build()
            .map_err(|error| EgressError::Request(error.without_url()))?;
        let host = request.url().host_str().ok_or(EgressError::Url)?.to_owned();
        let span = Span::current();
        span.record("http.request.method", request.method().as_str());
        span.record("server.address", host.as_str());
        let client = if is_trusted {
            &egress.inner.trusted
        } else {
            egress.inner.guard.check_url(request.url())?;
            &egress.inner.guarded
        };
        match client.execute(request).await {
            Ok(response) => Ok(Response::new(host, response)),
            Err(error) => Err(EgressError::classify(&host, error)),
        }
    }

    fn change(mut self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.builder = change(self.builder);
        self
    }
}

fn record_outcome(span: &Span, result: &Result<Response, EgressError>) -> &'static str {
    match result {
        Ok(response) => {
            let status = response.status().as_u16();
            span.record("http.response.status_code", status);
            match status {
                100..=199 => "1xx",
                200..=299 => "2xx",
                300..=399 => "3xx",
                400..=499 => "4xx",
                _ => "5xx",
            }
        }
        Err(error) => {
            span.record("error.type", error.kind());
            error.kind()
        }
    }
}
