//! The id of a request: the caller's own, or one of ours.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use sb_domain::Clock;
use sb_ids::EventId;

/// The header that carries it in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST: usize = 128;

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// What every answer to a request repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// The caller's `X-Request-Id` when it is sane, a new UUID otherwise.
    pub request_id: String,
    /// The path without the query, which may hold personal data.
    pub path: String,
}

impl RequestContext {
    pub(crate) fn of(request: &ServiceRequest, clock: &Clock) -> Self {
        let given = request
            .headers()
            .get(X_REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_sane(text));
        let request_id = match given {
            Some(text) => text.to_owned(),
            None => EventId::new(clock.now()).to_string(),
        };
        Self {
            request_id,
            path: request.path().to_owned(),
        }
    }

    /// The context of the request that is being handled.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    pub(crate) async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    pub(crate) fn header(&self) -> (HeaderName, HeaderValue) {
        let value = HeaderValue::from_str(&self.request_id);
        // It was a header value before, or is a UUID.
        (X_REQUEST_ID, value.unwrap_or(HeaderValue::from_static("")))
    }
}

/// Short and without anything that could break a log line.
fn is_sane(text: &str) -> bool {
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/');
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn id_for(given: &str) -> String {
        let request = TestRequest::get()
            .insert_header((X_REQUEST_ID, given))
            .to_srv_request();
        RequestContext::of(&request, &Clock::system()).request_id
    }

    #[test]
    fn the_callers_id_is_kept_when_it_is_sane() {
        assert_eq!(id_for("order-17.a_b:c/d"), "order-17.a_b:c/d");
    }

    #[test]
    fn an_id_that_could_forge_log_lines_is_replaced() {
        for bad in ["", "a b", "a\"b", "{}", &"x".repeat(129)] {
            let id = id_for(bad);
            assert_ne!(id, bad);
            assert_eq!(id.len(), 36);
        }
    }
}
