//! Meta's error envelope and the table of codes.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::state::faults::ErrorFault;

/// An error answer of the Graph API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the simulated Graph API answers {code}: {message}")]
pub(crate) struct GraphError {
    code: i64,
    subcode: Option<i64>,
    status: u16,
    kind: &'static str,
    message: String,
    details: Option<String>,
}

/// HTTP status and title of a code.
///
/// # Source
/// Meta, "Error codes" (Cloud API), as of 2026-05. Throttling answers 400.
const CODES: &[(i64, u16, &str)] = &[
    (0, 401, "AuthException"),
    (1, 400, "API Unknown"),
    (2, 503, "API Service"),
    (3, 500, "API Method"),
    (4, 400, "API Too Many Calls"),
    (10, 403, "API Permission Denied"),
    (33, 400, "Parameter value is not valid"),
    (100, 400, "Invalid parameter"),
    (190, 401, "Access token has expired"),
    (200, 403, "API Permission"),
    (368, 403, "Temporarily blocked for policies violations"),
    (80007, 400, "Rate limit issues"),
    (80008, 400, "Rate limit issues"),
    (130_403, 400, "User is blocked"),
    (130_429, 400, "Rate limit hit"),
    (130_472, 400, "User's number is part of an experiment"),
    (
        130_497,
        403,
        "Business account is restricted from messaging users in this country.",
    ),
    (131_000, 500, "Something went wrong"),
    (131_005, 403, "Access denied"),
    (131_008, 400, "Required parameter is missing"),
    (131_009, 400, "Parameter value is not valid"),
    (131_016, 500, "Service unavailable"),
    (131_021, 400, "Recipient cannot be sender"),
    (131_026, 400, "Message undeliverable"),
    (131_030, 400, "Recipient phone number not in allowed list"),
    (131_031, 403, "Account has been locked"),
    (
        131_037,
        400,
        "Display name approval is required before a message can be sent",
    ),
    (131_042, 400, "Business eligibility payment issue"),
    (131_045, 500, "Incorrect certificate"),
    (131_047, 400, "Re-engagement message"),
    (131_048, 400, "Spam rate limit hit"),
    (
        131_049,
        400,
        "Message was not delivered to maintain healthy ecosystem engagement",
    ),
    (131_050, 400, "Marketing messages were stopped by the user"),
    (131_051, 400, "Unsupported message type"),
    (131_052, 400, "Media download error"),
    (131_053, 400, "Media upload error"),
    (131_055, 400, "Method not allowed"),
    (
        131_056,
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
    ),
    (131_057, 500, "Account in maintenance mode"),
    (
        131_062,
        400,
        "Business-scoped user id is not allowed for this message",
    ),
    (
        132_000,
        400,
        "Number of parameters does not match the expected number of params",
    ),
    (
        132_001,
        404,
        "Template name does not exist in the translation",
    ),
    (132_005, 400, "Template hydrated text too long"),
    (132_007, 400, "Template format character policy violated"),
    (
        132_012,
        400,
        "Parameter format does not match format in the created template",
    ),
    (132_015, 400, "Template is paused"),
    (132_016, 400, "Template is disabled"),
    (132_068, 400, "Flow is blocked"),
    (132_069, 400, "Flow is throttled"),
    (133_000, 500, "Incomplete deregistration"),
    (133_004, 503, "Server temporarily unavailable"),
    (133_005, 400, "Two-step verification PIN mismatch"),
    (133_006, 400, "Phone number re-verification needed"),
    (133_008, 400, "Too many two-step verification PIN guesses"),
    (133_009, 400, "Two-step verification PIN guessed too fast"),
    (133_010, 400, "Phone number not registered"),
    (
        133_015,
        400,
        "Please wait a few minutes before registering this phone number",
    ),
    (
        133_016,
        400,
        "Account register deregister rate limit exceeded",
    ),
    (134_100, 400, "Only marketing messages supported"),
    (135_000, 400, "Generic user error"),
    (137_000, 400, "Identity key hash mismatch"),
    (138_000, 401, "Calling not enabled"),
];

/// Title of a code, for answers and for `errors[]` of webhooks.
pub(crate) fn title(code: i64) -> &'static str {
    entry(code).2
}

fn entry(code: i64) -> (i64, u16, &'static str) {
    CODES
        .iter()
        .find(|(known, ..)| *known == code)
        .copied()
        .unwrap_or((code, 400, "Unknown error"))
}

impl GraphError {
    /// An error of the table with its usual status.
    pub(crate) fn new(code: i64) -> Self {
        let (_, status, title) = entry(code);
        Self {
            code,
            subcode: None,
            status,
            kind: "OAuthException",
            message: format!("(#{code}) {title}"),
            details: None,
        }
    }

    pub(crate) fn details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// A malformed request: code 100 with the reason in the message.
    pub(crate) fn parameter(reason: &str) -> Self {
        Self {
            message: format!("(#100) {reason}"),
            ..Self::new(100)
        }
    }

    /// A required field is absent.
    pub(crate) fn missing(path: &str) -> Self {
        Self::new(131_008).details(format!("Parameter '{path}' is missing"))
    }

    /// A field has a value that Meta does not take.
    pub(crate) fn invalid(path: &str, rule: &str) -> Self {
        Self::new(131_009).details(format!("Parameter '{path}' {rule}"))
    }

    /// The object is unknown or out of the token's reach; Meta does not say which.
    pub(crate) fn unknown_object(method: &str, id: &str) -> Self {
        Self {
            subcode: Some(33),
            kind: "GraphMethodException",
            message: format!(
                "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be \
                 loaded due to missing permissions, or does not support this operation. Please \
                 read the Graph API documentation at \
                 https://developers.facebook.com/docs/graph-api"
            ),
            ..Self::new(100)
        }
    }

    /// The path names no edge.
    pub(crate) fn unknown_path(path: &str) -> Self {
        Self {
            code: 2500,
            status: 400,
            message: format!("Unknown path components: {path}"),
            ..Self::new(2500)
        }
    }

    /// No token came with the request.
    pub(crate) fn no_token() -> Self {
        Self {
            status: 401,
            message: "An access token is required to request this resource.".to_owned(),
            ..Self::new(104)
        }
    }

    /// The token is not one of ours.
    pub(crate) fn wrong_token() -> Self {
        Self {
            message: "Invalid OAuth access token - Cannot parse access token".to_owned(),
            ..Self::new(190)
        }
    }

    /// The token was good once.
    pub(crate) fn expired_token(at: &str) -> Self {
        Self {
            subcode: Some(463),
            message: format!("Error validating access token: Session has expired on {at}."),
            ..Self::new(190)
        }
    }

    pub(crate) fn outage() -> Self {
        Self {
            message: "Service temporarily unavailable".to_owned(),
            ..Self::new(2)
        }
    }

    pub(crate) fn injected(fault: &ErrorFault) -> Self {
        let mut error = Self::new(fault.code);
        error.status = fault.status.unwrap_or(error.status);
        error.details.clone_from(&fault.details);
        error
    }

    pub(crate) const fn code(&self) -> i64 {
        self.code
    }

    /// The JSON of the answer.
    pub(crate) fn envelope(&self, trace: &str) -> Value {
        let mut error = json!({
            "message": self.message,
            "type": self.kind,
            "code": self.code,
            "fbtrace_id": trace,
        });
        let extras = [
            self.subcode
                .map(|subcode| ("error_subcode", json!(subcode))),
            self.details.as_ref().map(|details| {
                let data = json!({ "messaging_product": "whatsapp", "details": details });
                ("error_data", data)
            }),
            (self.status >= 500).then_some(("is_transient", Value::Bool(true))),
        ];
        if let Some(error) = error.as_object_mut() {
            error.extend(extras.into_iter().flatten().map(|(k, v)| (k.to_owned(), v)));
        }
        json!({ "error": error })
    }
}

impl ResponseError for GraphError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if self.code == 190 {
            response.insert_header((
                "WWW-Authenticate",
                r#"OAuth "Facebook Platform" "invalid_token" "Invalid OAuth access token""#,
            ));
        }
        let trace = format!("A{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()));
        response.json(self.envelope(&trace))
    }
}

/// The `errors[]` element of a failed status.
pub(crate) fn webhook_error(code: i64, details: Option<&str>) -> Value {
    let title = title(code);
    json!({
        "code": code,
        "title": title,
        "message": title,
        "error_data": { "details": details.unwrap_or(title) },
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_comes_in_the_envelope_with_http_400() {
        let error = GraphError::new(130_429).details("slow down");
        assert_eq!(error.status, 400);
        assert_eq!(
            error.envelope("Atrace"),
            json!({"error": {
                "message": "(#130429) Rate limit hit",
                "type": "OAuthException",
                "code": 130_429,
                "error_data": {"messaging_product": "whatsapp", "details": "slow down"},
                "fbtrace_id": "Atrace",
            }})
        );
    }

    #[test]
    fn unknown_object_has_subcode_33() {
        let envelope = GraphError::unknown_object("post", "42").envelope("A");
        assert_eq!(envelope.pointer("/error/code"), Some(&json!(100)));
        assert_eq!(envelope.pointer("/error/error_subcode"), Some(&json!(33)));
    }

    #[test]
    fn injected_error_keeps_the_codes_usual_status() {
        let fault = ErrorFault {
            code: 131_016,
            status: None,
            details: None,
            probability: 1.0,
            count: None,
        };
        assert_eq!(GraphError::injected(&fault).status, 500);
    }
}
