//! `Idempotency-Key`: a request that is repeated gets the first one's answer and does nothing.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use ring::digest;
use sb_db::{Idempotency, IdempotencyClaim};
use serde::Serialize;

use crate::json::ValidJson;
use crate::problem::{Code, Problem};

/// Marks an answer that was given before.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const LONGEST: usize = 255;

/// The header of that name, if there is one, with what it is bound to.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    key: Option<String>,
    method: String,
    path: String,
}

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request.headers().get("idempotency-key");
        let key = header.map(|value| {
            value
                .to_str()
                .ok()
                .map(str::trim)
                .filter(|text| (1..=LONGEST).contains(&text.len()))
                .map(str::to_owned)
        });
        ready(match key {
            Some(None) => Err(Problem::new(Code::RequestInvalidHeader).detail(format!(
                "Idempotency-Key must have 1 to {LONGEST} printable ASCII characters"
            ))),
            found => Ok(Self {
                key: found.flatten(),
                method: request.method().to_string(),
                path: request.path().to_owned(),
            }),
        })
    }
}

impl IdempotencyKey {
    /// Binds the key to this request's body. What is remembered is kept for `lifetime`.
    pub fn bind<T>(self, body: &ValidJson<T>, lifetime: TimeDelta) -> IdempotentRequest {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [self.method.as_bytes(), self.path.as_bytes(), body.digest()] {
            hash.update(part);
            hash.update(b"\n");
        }
        IdempotentRequest {
            key: self.key,
            hash: hash.finish(),
            lifetime,
        }
    }
}

/// A request that is done once for its key. Claim, work and answer belong into one transaction.
#[derive(Debug)]
pub struct IdempotentRequest {
    key: Option<String>,
    hash: digest::Digest,
    lifetime: TimeDelta,
}

impl IdempotentRequest {
    /// Begins: the first answer when there is one already, nothing when the work is to be done.
    ///
    /// # Errors
    /// `idempotency.mismatch`, `idempotency.in_progress`, or a database problem.
    pub async fn claim(
        &self,
        mut remembered: Idempotency<'_>,
        at: DateTime<Utc>,
    ) -> Result<Option<HttpResponse>, Problem> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        match remembered.claim(key, self.hash.as_ref(), at).await? {
            IdempotencyClaim::Won => Ok(None),
            IdempotencyClaim::Done { status, body } => {
                let status = StatusCode::from_u16(status).map_err(Problem::internal)?;
                let mut response = HttpResponse::build(status);
                response.insert_header((IDEMPOTENT_REPLAYED, "true"));
                Ok(Some(response.json(body)))
            }
            IdempotencyClaim::Mismatch => Err(Problem::new(Code::IdempotencyMismatch)),
            IdempotencyClaim::InProgress => {
                Err(Problem::new(Code::IdempotencyInProgress).retry_after(1))
            }
        }
    }

    /// Ends: remembers the answer, if there is a key. Commit afterwards, then answer.
    ///
    /// # Errors
    /// A database problem.
    pub async fn remember<T: Serialize + Sync>(
        &self,
        mut remembered: Idempotency<'_>,
        status: StatusCode,
        body: &T,
        at: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let Some(key) = &self.key else {
            return Ok(());
        };
        let value = serde_json::to_value(body).map_err(Problem::internal)?;
        let answer = (status.as_u16(), &value);
        let times = (at, at + self.lifetime);
        remembered
            .remember(key, self.hash.as_ref(), answer, times)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn key(value: &str) -> Result<Option<String>, Code> {
        let request = TestRequest::post()
            .insert_header(("idempotency-key", value))
            .to_http_request();
        IdempotencyKey::from_request(&request, &mut Payload::None)
            .into_inner()
            .map(|found| found.key)
            .map_err(|problem| problem.code())
    }

    #[test]
    fn a_key_that_cannot_be_remembered_is_refused() {
        assert_eq!(key("order-17"), Ok(Some("order-17".to_owned())));
        assert_eq!(key(" "), Err(Code::RequestInvalidHeader));
        assert_eq!(key(&"x".repeat(256)), Err(Code::RequestInvalidHeader));
        assert_eq!(key("schlüssel"), Err(Code::RequestInvalidHeader));
    }
}
