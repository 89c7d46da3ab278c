//! One file per operation.

pub(crate) mod flow;
pub(crate) mod receive;
pub(crate) mod verify;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;

/// An RFC 9457 problem. Meta reads the status only; people who test with curl read the rest.
fn problem(status: StatusCode, code: &'static str, detail: &str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("application/problem+json")
        .json(json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "code": code,
            "detail": detail,
        }))
}
