//! What a caller is told: a problem, with Meta's own error object where Meta refused.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use sb_cloud_api::errors::RetryClass;
use sb_cloud_api::graph::GraphError;
use sb_db::DbError;
use sb_http::{Code, Problem};
use serde_json::Value;

use crate::failure::Failure;

/// When trying again makes sense where Meta does not say, in seconds.
const RETRY_AFTER: u32 = 5;

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    problem: Problem,
    /// RFC 9457, section 3.2: an extension member.
    meta: Option<Value>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.problem.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let response = self.problem.error_response();
        let Some(meta) = &self.meta else {
            return response;
        };
        let mut document = serde_json::to_value(self.problem.document()).unwrap_or_default();
        if let Value::Object(members) = &mut document {
            members.insert("meta".to_owned(), meta.clone());
        }
        response.set_body(BoxBody::new(document.to_string()))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            meta: None,
        }
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NumberUnknown => Problem::not_found(Code::NumberNotFound).into(),
            Failure::AccountUnknown => Problem::not_found(Code::WabaNotFound).into(),
            Failure::TokenMissing => Problem::new(Code::NumberTokenMissing).into(),
            Failure::Token(error) => Problem::internal(error).into(),
            Failure::Graph(error) => error.into(),
            Failure::Db(error) => error.into(),
        }
    }
}

impl From<GraphError> for Refusal {
    fn from(error: GraphError) -> Self {
        let meta = error.meta_error().map(|error| error.raw.clone());
        let problem = match error.class() {
            RetryClass::TokenInvalid => Problem::new(Code::NumberTokenRejected),
            RetryClass::Permanent | RetryClass::NeverForRecipient => {
                Problem::new(Code::MetaRefused)
            }
            RetryClass::Transient { .. }
            | RetryClass::PairRate
            | RetryClass::Later { .. }
            | RetryClass::Uncertain => {
                let wait = error.retry_wait(0).map(|wait| wait.as_secs());
                let wait = wait.and_then(|seconds| u32::try_from(seconds).ok());
                Problem::new(Code::MetaUnavailable).retry_after(wait.unwrap_or(RETRY_AFTER))
            }
        };
        Self {
            problem: problem.detail(error.advice()).because(error),
            meta,
        }
    }
}
