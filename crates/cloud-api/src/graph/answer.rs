//! From an HTTP answer to a typed one.

use std::time::Duration;

use sb_egress::{EgressError, Response};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::GraphError;
use crate::errors::MetaError;

/// Pages of numbers and apps stay far below.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How much is kept of an error page that is not Meta's error form.
const ERROR_PAGE_CHARS: usize = 1_000;

#[derive(Deserialize)]
struct ErrorAnswer {
    error: Option<Value>,
}

/// `{"success": true}`
#[derive(Deserialize)]
pub(super) struct Success {
    success: bool,
}

impl Success {
    pub(super) const fn confirmed(&self, operation: &'static str) -> Result<(), GraphError> {
        if self.success {
            Ok(())
        } else {
            Err(GraphError::Unreadable {
                operation,
                http_status: 200,
                expected: "success: true",
            })
        }
    }
}

/// Reads the answer of `operation`, which should hold `expected`.
pub(super) async fn read<T: DeserializeOwned>(
    operation: &'static str,
    expected: &'static str,
    sent: Result<Response, EgressError>,
) -> Result<T, GraphError> {
    let response = sent.map_err(|source| GraphError::of_exchange(operation, source))?;
    let http_status = response.status().as_u16();
    let retry_after = retry_after(&response);
    let refused = |error: MetaError| GraphError::Refused {
        operation,
        code: error.code,
        subcode: error.subcode,
        http_status,
        class: error.class(http_status),
        retry_after,
        error: Box::new(error),
    };
    let body = match response.bytes_limited(ANSWER_BYTES_MAX).await {
        Ok(body) => body,
        // The status alone says that the request was refused.
        Err(_) if (400..500).contains(&http_status) => {
            return Err(refused(MetaError::from_value(Value::Null)));
        }
        Err(source) => return Err(GraphError::AnswerLost { operation, source }),
    };
    let failure = serde_json::from_slice::<ErrorAnswer>(&body).ok();
    // Partial failures carry an error with HTTP 206.
    if let Some(error) = failure.and_then(|answer| answer.error) {
        return Err(refused(MetaError::from_value(error)));
    }
    if !(200..300).contains(&http_status) {
        let page = String::from_utf8_lossy(&body);
        let page: String = page.chars().take(ERROR_PAGE_CHARS).collect();
        return Err(refused(MetaError::from_value(Value::String(page))));
    }
    // The parser's error would quote the answer.
    serde_json::from_slice(&body).map_err(|_| GraphError::Unreadable {
        operation,
        http_status,
        expected,
    })
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds: u64 = response.header("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
