//! The outermost layer: request id, root span, access log, duration, and what a panic becomes.

use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::web::Data;
use futures::FutureExt as _;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use sb_domain::Clock;
use tracing::{Instrument as _, Span, field::Empty};

use crate::problem::Problem;
use crate::request_id::RequestContext;

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    sb_telemetry::meter("sb-http")
        .f64_histogram("switchboard.http.request.duration")
        .with_description("time until the head of the answer")
        .with_unit("s")
        .build()
});

/// Middleware for `actix_web::middleware::from_fn`; wrap it last, so that it is the outermost. Takes the
/// [`Clock`] from the app data.
///
/// # Errors
/// Those of the inner services; a panic becomes a `server.internal` problem.
#[expect(
    clippy::future_not_send,
    reason = "actix handles a request on one thread"
)]
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let clock = request
        .app_data::<Data<Clock>>()
        .map_or_else(Clock::system, |c| c.as_ref().clone());
    let context = RequestContext::of(&request, &clock);
    let method = method_label(request.method().as_str());
    let span = root_span(&request, &context, method);
    let work = AssertUnwindSafe(next.call(request)).catch_unwind();
    let outcome = context
        .clone()
        .scope(async move {
            match work.await {
                Ok(answer) => answer,
                Err(panic) => Err(Problem::internal(panic_text(&*panic)).into()),
            }
        })
        .instrument(span.clone())
        .await;
    let (status, route) = match &outcome {
        Ok(response) => (
            response.status(),
            response
                .request()
                .match_pattern()
                .unwrap_or_else(|| "unmatched".to_owned()),
        ),
        Err(error) => (
            error.as_response_error().status_code(),
            "unmatched".to_owned(),
        ),
    };
    record(&span, method, &route, status, started);
    outcome.map(|mut response| {
        let (name, value) = context.header();
        response.headers_mut().insert(name, value);
        response
    })
}

fn root_span(request: &ServiceRequest, context: &RequestContext, method: &'static str) -> Span {
    let span = tracing::info_span!(
        "http.request",
        otel.name = Empty,
        otel.kind = "server",
        http.request.method = method,
        http.route = Empty,
        http.response.status_code = Empty,
        request.id = context.request_id.as_str(),
        organization.id = Empty,
    );
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    sb_telemetry::set_parent(&span, headers);
    span
}

fn record(span: &Span, method: &'static str, route: &str, status: StatusCode, started: Instant) {
    let elapsed = started.elapsed();
    span.record("otel.name", format!("{method} {route}"));
    span.record("http.route", route);
    span.record("http.response.status_code", status.as_u16());
    DURATION.record(
        elapsed.as_secs_f64(),
        &[
            KeyValue::new("method", method),
            KeyValue::new("route", route.to_owned()),
            KeyValue::new("status", i64::from(status.as_u16())),
        ],
    );
    let _entered = span.enter();
    tracing::info!(
        http.route = route,
        http.response.status_code = status.as_u16(),
        duration_ms = elapsed.as_secs_f64() * 1_000.0,
        "request answered"
    );
}

/// The methods we know: a label must not be whatever a caller invents.
fn method_label(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("OTHER")
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "a handler panicked: {}",
        text.as_deref().unwrap_or("no message")
    )
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
    use actix_web::{App, HttpResponse, web};
    use serde_json::Value;

    use super::*;
    use crate::problem::Code;
    use crate::request_id::X_REQUEST_ID;

    async fn fail() -> Result<HttpResponse, Problem> {
        Err(Problem::new(Code::MessageNotFound))
    }

    async fn broken() -> HttpResponse {
        panic!("boom")
    }

    fn app() -> App<
        impl actix_web::dev::ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<impl MessageBody>,
            Error = Error,
            InitError = (),
        >,
    > {
        App::new()
            .app_data(Data::new(Clock::system()))
            .route("/fail", web::get().to(fail))
            .route("/broken", web::get().to(broken))
            .wrap(from_fn(observe))
    }

    #[actix_web::test]
    async fn an_answer_repeats_the_request_id_in_header_and_problem() {
        let app = init_service(app()).await;
        let request = TestRequest::get()
            .uri("/fail?phone=1")
            .insert_header((X_REQUEST_ID, "abc"));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.headers().get(X_REQUEST_ID).unwrap(), "abc");
        let body: Value = read_body_json(response).await;
        assert_eq!(body["request_id"], "abc");
        assert_eq!(body["instance"], "/fail");
    }

    #[actix_web::test]
    async fn a_panic_becomes_a_problem_that_says_nothing_of_it() {
        let app = init_service(app()).await;
        let error =
            actix_web::dev::Service::call(&app, TestRequest::get().uri("/broken").to_request())
                .await
                .err()
                .unwrap();
        let response = error.error_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.headers().contains_key(X_REQUEST_ID));
        let body = actix_web::body::to_bytes(response.into_body())
            .await
            .unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("boom"));
    }
}
