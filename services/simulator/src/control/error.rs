//! What a control request can fail with.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::state::UnknownObject;
use crate::webhooks::handshake::HandshakeError;

/// A refused control request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// The body cannot be read as what it should be.
    #[error("the request body is not what this call takes: {0}")]
    Malformed(String),
    /// A value is not possible.
    #[error("{0}")]
    Invalid(String),
    /// An id or a path names nothing.
    #[error("no {0}")]
    Unknown(String),
    /// The callback did not verify.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// A queue has no room.
    #[error("{0} is full")]
    Full(&'static str),
}

impl From<UnknownObject> for ControlError {
    fn from(error: UnknownObject) -> Self {
        let text = error.to_string();
        Self::Unknown(text.strip_prefix("no ").unwrap_or(&text).to_owned())
    }
}

impl ResponseError for ControlError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::Handshake(_) => StatusCode::BAD_GATEWAY,
            Self::Full(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        HttpResponse::build(status)
            .content_type("application/problem+json")
            .body(
                json!({
                    "type": "about:blank",
                    "title": status.canonical_reason(),
                    "status": status.as_u16(),
                    "detail": self.to_string(),
                })
                .to_string(),
            )
    }
}
