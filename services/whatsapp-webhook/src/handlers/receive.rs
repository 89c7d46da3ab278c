//! Meta's posts: checked, made durable, answered.

#![expect(
    clippy::future_not_send,
    reason = "actix runs a request on the thread that accepted it"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use sb_cloud_api::signature::{SIGNATURE_HEADER, SignatureError};
use sb_events::micros;
use sb_events::proto::update::v1::RawPost;
use sb_ids::PostId;
use serde::Deserialize;

use super::problem;
use crate::receive::{BodyError, Budget, CommitError, Committer, Receiver};

/// `?app_id=`, for callback addresses that cannot have a path of their own.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    app_id: Option<String>,
}

/// Why a post was not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Refusal {
    const fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Body(BodyError::TooLarge) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "webhook.body_too_large")
            }
            Self::Body(BodyError::NoMemory) | Self::Commit(CommitError::QueueFull) => {
                (StatusCode::SERVICE_UNAVAILABLE, "webhook.overloaded")
            }
            Self::Body(BodyError::Incomplete) => {
                (StatusCode::BAD_REQUEST, "webhook.body_incomplete")
            }
            Self::Commit(CommitError::NotAcknowledged) => {
                (StatusCode::SERVICE_UNAVAILABLE, "webhook.not_durable")
            }
            Self::Signature(SignatureError::Missing) => {
                (StatusCode::UNAUTHORIZED, "webhook.unsigned")
            }
            Self::Signature(SignatureError::Malformed | SignatureError::Mismatch) => {
                (StatusCode::UNAUTHORIZED, "webhook.signature_invalid")
            }
            Self::Signature(SignatureError::UnknownApp) => {
                (StatusCode::NOT_FOUND, "webhook.app_unknown")
            }
        }
    }
}

/// Takes a post at the address that names an app in its path.
pub(crate) async fn handle_for_app(
    request: HttpRequest,
    path: web::Path<String>,
    payload: web::Payload,
    receiver: web::Data<Receiver>,
    workers: (web::Data<Budget>, web::Data<Committer>),
) -> HttpResponse {
    let app = path.into_inner();
    respond(
        &receiver,
        take(&request, Some(&app), payload, &receiver, &workers).await,
    )
}

/// Takes a post at the common address.
pub(crate) async fn handle(
    request: HttpRequest,
    query: web::Query<Named>,
    payload: web::Payload,
    receiver: web::Data<Receiver>,
    workers: (web::Data<Budget>, web::Data<Committer>),
) -> HttpResponse {
    let app = query.into_inner().app_id;
    respond(
        &receiver,
        take(&request, app.as_deref(), payload, &receiver, &workers).await,
    )
}

async fn take(
    request: &HttpRequest,
    app: Option<&str>,
    payload: web::Payload,
    receiver: &Receiver,
    (budget, committer): &(web::Data<Budget>, web::Data<Committer>),
) -> Result<(), Refusal> {
    let body = budget
        .read(request, payload, receiver.max_body_bytes)
        .await?;
    let signature = request
        .headers()
        .get(SIGNATURE_HEADER)
        .and_then(|v| v.to_str().ok());
    let app = match app {
        Some(app) => receiver.keys.verify_for(app, signature, &body.bytes)?,
        None => receiver.keys.verify(signature, &body.bytes)?,
    };
    let now = receiver.clock.now();
    let post = RawPost {
        post_id: PostId::new(now).to_string(),
        received_at_us: micros(now),
        app_id: app.as_str().to_owned(),
        body: body.bytes.clone(),
        replay: None,
    };
    committer.commit(post, body.room).await?;
    Ok(())
}

fn respond(receiver: &Receiver, taken: Result<(), Refusal>) -> HttpResponse {
    match taken {
        Ok(()) => {
            receiver.metrics.count("accepted");
            HttpResponse::Ok().finish()
        }
        Err(refusal) => {
            let (status, code) = refusal.answer();
            receiver.metrics.count(code);
            problem(status, code, &refusal.to_string())
        }
    }
}
