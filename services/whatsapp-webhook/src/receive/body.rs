//! Reading a body of bounded size into bounded memory.

#![expect(
    clippy::future_not_send,
    reason = "actix runs a request on the thread that accepted it"
)]

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, Payload};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A sender slower than this is cut off.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than allowed")]
    TooLarge,
    #[error("too many bytes are waiting already")]
    NoMemory,
    #[error("the body broke off or took too long")]
    Incomplete,
}

/// The bytes a worker may hold at once. Room for a body is taken before it is read.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// Room in the budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _permit: OwnedSemaphorePermit,
}

/// A body and its room in the budget.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    pub(crate) room: Room,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    pub(crate) async fn read(
        &self,
        request: &HttpRequest,
        payload: Payload,
        limit: usize,
    ) -> Result<Body, BodyError> {
        // Without a length, room for the largest body is needed.
        let declared = declared_length(request).unwrap_or(limit);
        if declared > limit {
            return Err(BodyError::TooLarge);
        }
        let room = u32::try_from(declared.max(1)).map_err(|_| BodyError::TooLarge)?;
        let room = Arc::clone(&self.0)
            .try_acquire_many_owned(room)
            .map_err(|_| BodyError::NoMemory)?;
        match tokio::time::timeout(READ_TIMEOUT, payload.to_bytes_limited(limit)).await {
            Ok(Ok(Ok(bytes))) => Ok(Body {
                bytes,
                room: Room { _permit: room },
            }),
            Ok(Err(_too_large)) => Err(BodyError::TooLarge),
            Ok(Ok(Err(_))) | Err(_) => Err(BodyError::Incomplete),
        }
    }
}

fn declared_length(request: &HttpRequest) -> Option<usize> {
    request
        .headers()
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
