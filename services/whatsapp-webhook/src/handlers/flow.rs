//! What WhatsApp Flows ask: checked, decrypted, answered.

#![expect(
    clippy::future_not_send,
    reason = "actix runs a request on the thread that accepted it"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use sb_cloud_api::flows::{STATUS_CANNOT_DECRYPT, STATUS_SIGNATURE_INVALID, STATUS_TOKEN_INVALID};
use sb_cloud_api::signature::SIGNATURE_HEADER;
use serde_json::json;

use super::problem;
use crate::flows::{Flows, Refusal, Reply};
use crate::receive::{BodyError, Budget};

/// What is shown when the tenant says nothing of its own.
const TOKEN_INVALID: &str = "This form is no longer available.";

/// Answers a flow. A phone that asks again gets a new answer: nothing is stored here, and the tenant's server sees the
/// same flow token.
///
/// # Source
/// Meta, "Error Codes", "Business Endpoint Error Codes": 421, 427 with a plain `error_msg`, 432; phones show a general
/// error for any other status.
pub(crate) async fn handle(
    request: HttpRequest,
    address: web::Path<String>,
    payload: web::Payload,
    flows: web::Data<Flows>,
    budget: web::Data<Budget>,
) -> HttpResponse {
    let body = match budget.read(&request, payload, flows.max_body_bytes).await {
        Ok(body) => body,
        Err(error) => return refuse_body(&flows, error),
    };
    let signature = request
        .headers()
        .get(SIGNATURE_HEADER)
        .and_then(|value| value.to_str().ok());
    match flows.answer(&address, signature, &body.bytes).await {
        Ok(Reply::Encrypted { body, action }) => {
            flows.metrics.count("answered", action);
            HttpResponse::Ok()
                .content_type("text/plain; charset=utf-8")
                .body(body)
        }
        Ok(Reply::InvalidToken { message, action }) => {
            flows.metrics.count("flow.token_invalid", action);
            let message = message.unwrap_or_else(|| TOKEN_INVALID.to_owned());
            HttpResponse::build(status(STATUS_TOKEN_INVALID)).json(json!({ "error_msg": message }))
        }
        Err(refusal) => refuse(&flows, &refusal),
    }
}

/// Meta's own statuses are in range, so that the other one is never used.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn refuse_body(flows: &Flows, error: BodyError) -> HttpResponse {
    let (status, code) = match error {
        BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "flow.body_too_large"),
        BodyError::NoMemory => (StatusCode::SERVICE_UNAVAILABLE, "flow.overloaded"),
        BodyError::Incomplete => (StatusCode::BAD_REQUEST, "flow.body_incomplete"),
    };
    flows.metrics.count(code, "unknown");
    problem(status, code, &error.to_string())
}

fn refuse(flows: &Flows, refusal: &Refusal) -> HttpResponse {
    let (status, code) = match refusal {
        Refusal::Signature(_) => (status(STATUS_SIGNATURE_INVALID), "flow.signature_invalid"),
        Refusal::ForgedToken(_) => (status(STATUS_SIGNATURE_INVALID), "flow.token_forged"),
        Refusal::CannotDecrypt(_) => (status(STATUS_CANNOT_DECRYPT), "flow.cannot_decrypt"),
        Refusal::Unknown => (StatusCode::NOT_FOUND, "flow.unknown"),
        Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "flow.overloaded"),
        Refusal::Database(_) => (StatusCode::SERVICE_UNAVAILABLE, "flow.unavailable"),
        Refusal::Forward(_) | Refusal::Agent(_) => (StatusCode::BAD_GATEWAY, "flow.handler_failed"),
        Refusal::Timeout => (StatusCode::GATEWAY_TIMEOUT, "flow.timeout"),
        Refusal::Key(_) | Refusal::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "flow.failed"),
    };
    if let Refusal::Database(error) = refusal {
        tracing::error!(
            error = sb_telemetry::as_error(error),
            "flow endpoints cannot be looked up"
        );
    }
    flows.metrics.count(code, "unknown");
    problem(status, code, &refusal.to_string())
}
