//! What a caller is told when a request cannot be answered: RFC 9457 problem documents.

mod codes;
mod database;
mod document;

use std::error::Error;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};

pub use codes::{Code, page};
pub use document::{FieldError, ProblemDocument, Problems};

use crate::request_id::RequestContext;

/// The media type of a problem.
///
/// # Source
/// RFC 9457, section 3.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request has no answer. Made where the reason is known, rendered once at the edge.
pub struct Problem {
    inner: Box<Inner>,
}

struct Inner {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Box<dyn Error + Send + Sync>>,
    context: Option<RequestContext>,
}

impl Problem {
    /// A problem with nothing but its code.
    pub fn new(code: Code) -> Self {
        Self {
            inner: Box::new(Inner {
                code,
                detail: None,
                errors: Vec::new(),
                headers: Vec::new(),
                cause: None,
                context: RequestContext::current(),
            }),
        }
    }

    /// Something that does not exist, or belongs to somebody else: the caller cannot tell which.
    pub fn not_found(code: Code) -> Self {
        Self::new(code)
    }

    /// An invalid request whose fields are named.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(Code::RequestInvalid);
        problem.inner.errors = errors;
        problem
    }

    /// A failure of ours. The cause is logged and never shown.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Code::ServerInternal).because(cause)
    }

    /// A failure that passes by itself. The cause is logged and never shown.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Code::ServerUnavailable)
            .because(cause)
            .retry_after(1)
    }

    /// Says what exactly is wrong with this request. Must not hold personal data.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.inner.detail = Some(detail.into());
        self
    }

    /// Names a field at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.inner.errors.push(FieldError {
            field: field.into(),
            detail: detail.into(),
        });
        self
    }

    /// Keeps what caused it, for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.inner.cause = Some(cause.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.inner.headers.push((name, value));
        self
    }

    /// Says when trying again makes sense, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.inner.code
    }

    /// As it is sent.
    pub fn document(&self) -> ProblemDocument {
        let code = self.inner.code;
        let context = self.inner.context.as_ref();
        ProblemDocument {
            kind: format!("/problems/{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: self.inner.detail.clone(),
            instance: context.map(|c| c.path.clone()),
            code: code.as_str().to_owned(),
            request_id: context.map(|c| c.request_id.clone()),
            trace_id: sb_telemetry::current_trace_id(),
            errors: self.inner.errors.clone(),
        }
    }

    fn log(&self) {
        let cause = self.inner.cause.as_deref();
        let code = self.inner.code.as_str();
        if self.inner.code.status().is_server_error() {
            tracing::error!(
                error = cause.map(|c| sb_telemetry::as_error(c)),
                code,
                "the request failed"
            );
        } else if let Some(cause) = cause {
            tracing::debug!(
                error = sb_telemetry::as_error(cause),
                code,
                "the request was refused"
            );
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("code", &self.inner.code)
            .field("detail", &self.inner.detail)
            .field("errors", &self.inner.errors)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.inner.code.title())
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let cause = self.inner.cause.as_deref()?;
        Some(cause)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.inner.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.inner.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        if let Some(context) = &self.inner.context {
            response.insert_header(context.header());
        }
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        response
            .insert_header((CONTENT_TYPE, PROBLEM_JSON))
            .body(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_a_failure_is_never_shown() {
        let problem = Problem::internal("password=hunter2");
        let shown = serde_json::to_string(&problem.document()).unwrap();
        assert!(!shown.contains("hunter2") && !format!("{problem:?}").contains("hunter2"));
        assert_eq!(problem.status_code(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn a_problem_links_the_page_of_its_code() {
        let problem = Problem::new(Code::MessageNotFound)
            .detail("d")
            .field("f", "e");
        let document = serde_json::to_value(problem.document()).unwrap();
        assert_eq!(document["type"], "/problems/message.not_found");
        assert_eq!(document["status"], 404);
        assert_eq!(document["errors"][0]["field"], "f");
        assert!(page("message.not_found").is_some());
    }
}
