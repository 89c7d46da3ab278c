//! Who is calling: looked up once a request, before anything of it is read.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, ResponseError as _};
use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use ring::hmac;
use sb_config::Secret;
use sb_db::{Db, DbError, KeyHolder, OrganizationStatus, SystemReason};
use sb_domain::Clock;
use sb_ids::{ApiKeyId, OrganizationId};

use crate::api_key::{ApiKeySecret, KeyHasher};
use crate::problem::{Code, Problem};

/// How long a key is believed without looking: how long a revoked one still works on other replicas.
const CACHE_TIME: Duration = Duration::from_secs(5);
const CACHED_KEYS: u64 = 10_000;
const SHORTEST_OPERATOR_KEY: usize = 16;
/// What a person may type into a header at most; anything longer is no credential.
const LONGEST_CREDENTIAL: usize = 512;

/// The operator's key could be guessed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("gateway.operator_key must have at least {SHORTEST_OPERATOR_KEY} characters")]
pub struct WeakOperatorKey;

/// Who is calling.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Who runs the installation.
    Operator,
    /// A tenant, with one of its keys.
    Tenant(Arc<KeyHolder>),
}

/// Turns credentials into callers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator {
    db: Db,
    clock: Clock,
    hasher: KeyHasher,
    operator: Option<hmac::Tag>,
    cache: Cache<Vec<u8>, Arc<KeyHolder>>,
}

impl Authenticator {
    /// An authenticator over the keys in the database. An empty operator key means that there is no operator.
    ///
    /// # Errors
    /// [`WeakOperatorKey`].
    pub fn new(
        db: Db,
        clock: Clock,
        hasher: KeyHasher,
        operator_key: &Secret,
    ) -> Result<Self, WeakOperatorKey> {
        if operator_key.is_set() && operator_key.expose().len() < SHORTEST_OPERATOR_KEY {
            return Err(WeakOperatorKey);
        }
        let operator = operator_key
            .is_set()
            .then(|| hasher.tag(operator_key.expose()));
        let cache = Cache::builder()
            .max_capacity(CACHED_KEYS)
            .time_to_live(CACHE_TIME)
            .build();
        Ok(Self {
            db,
            clock,
            hasher,
            operator,
            cache,
        })
    }

    /// Hashes keys as they are stored.
    pub const fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// Who presents this credential.
    ///
    /// # Errors
    /// A problem that says why it is not accepted.
    pub async fn caller(&self, credential: &str) -> Result<Caller, Problem> {
        if let Some(tag) = &self.operator
            && self.hasher.is_tag_of(tag, credential)
        {
            return Ok(Caller::Operator);
        }
        let invalid = || unauthorized(Code::AuthInvalid);
        let key = ApiKeySecret::parse(credential).ok_or_else(invalid)?;
        let hash = self.hasher.hash(&key);
        let holder = if let Some(holder) = self.cache.get(&hash) {
            holder
        } else {
            let holder = Arc::new(self.look_up(&hash).await?.ok_or_else(invalid)?);
            self.cache.insert(hash, Arc::clone(&holder));
            holder
        };
        check(&holder, self.clock.now())?;
        Ok(Caller::Tenant(holder))
    }

    /// Forgets a key, so that its revocation works here at once.
    pub fn forget(&self, id: ApiKeyId) {
        self.forget_where(|holder| holder.key.id == id);
    }

    /// Forgets all keys of an organization, so that its suspension works here at once.
    pub fn forget_organization(&self, id: OrganizationId) {
        self.forget_where(|holder| holder.organization == id);
    }

    /// Whether a key that was accepted before would be accepted again, for connections that stay open.
    ///
    /// # Errors
    /// A database error, which says nothing about the key.
    pub async fn is_still_good(
        &self,
        organization: OrganizationId,
        id: ApiKeyId,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.tenant(organization).await?;
        let organization_status = tx.organizations().get().await?.status;
        let key = tx.api_keys().find(id).await?;
        tx.commit().await?;
        let holder = key.map(|key| KeyHolder {
            organization,
            organization_status,
            key,
        });
        Ok(holder.is_some_and(|holder| check(&holder, self.clock.now()).is_ok()))
    }

    fn forget_where(&self, matches: impl Fn(&KeyHolder) -> bool) {
        for (hash, holder) in &self.cache {
            if matches(&holder) {
                self.cache.invalidate(hash.as_ref());
            }
        }
    }

    async fn look_up(&self, hash: &[u8]) -> Result<Option<KeyHolder>, DbError> {
        let mut tx = self.db.system(SystemReason::Authentication).await?;
        let found = tx.api_keys().find_by_hash(hash).await?;
        let now = self.clock.now();
        if let Some(holder) = &found
            && check(holder, now).is_ok()
            && holder
                .key
                .last_used_at
                .is_none_or(|at| now - at >= TimeDelta::minutes(1))
        {
            tx.api_keys()
                .touch(holder.organization, holder.key.id, now)
                .await?;
        }
        tx.commit().await?;
        Ok(found)
    }
}

fn check(holder: &KeyHolder, now: DateTime<Utc>) -> Result<(), Problem> {
    if holder.key.revoked_at.is_some() {
        return Err(unauthorized(Code::AuthRevoked));
    }
    if holder.key.expires_at.is_some_and(|at| at <= now) {
        return Err(unauthorized(Code::AuthExpired));
    }
    match holder.organization_status {
        OrganizationStatus::Active => Ok(()),
        OrganizationStatus::Suspended => Err(Problem::new(Code::OrganizationSuspended)),
    }
}

fn unauthorized(code: Code) -> Problem {
    Problem::new(code).header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// `Authorization: Bearer …`, or `X-API-Key` as other products of the field call it.
fn credential(headers: &HeaderMap) -> Result<&str, Problem> {
    let bearer = headers.get(AUTHORIZATION).map(|value| {
        let text = value.to_str().ok()?;
        let (scheme, rest) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
    });
    let found = match bearer {
        Some(token) => token,
        None => match headers.get("x-api-key") {
            Some(value) => value.to_str().ok().map(str::trim),
            None => return Err(unauthorized(Code::AuthMissing)),
        },
    };
    found
        .filter(|text| (1..=LONGEST_CREDENTIAL).contains(&text.len()))
        .ok_or_else(|| unauthorized(Code::AuthInvalid))
}

/// Middleware for everything under `/v1`: finds the [`Caller`] before a handler or its body is looked at, so that
/// a caller without a credential learns nothing else. Takes the [`Authenticator`] from the app data.
///
/// # Errors
/// Those of the inner services; a missing or bad credential is an answer.
#[expect(
    clippy::future_not_send,
    reason = "actix handles a request on one thread"
)]
pub async fn authenticate<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if !request.path().starts_with("/v1/") {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_left_body);
    }
    let found = match (
        request.app_data::<Data<Authenticator>>(),
        credential(request.headers()),
    ) {
        (Some(authenticator), Ok(text)) => authenticator.caller(text).await,
        (Some(_), Err(problem)) => Err(problem),
        (None, _) => Err(Problem::internal("no authenticator in the app data")),
    };
    match found {
        Ok(caller) => {
            if let Caller::Tenant(holder) = &caller {
                let organization = holder.organization.to_string();
                tracing::Span::current().record("organization.id", organization);
            }
            request.extensions_mut().insert(caller);
            next.call(request)
                .await
                .map(ServiceResponse::map_into_left_body)
        }
        Err(problem) => {
            let response = problem.error_response();
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers
    }

    #[test]
    fn a_key_is_taken_from_either_header() {
        let of = |pairs| credential(&headers(pairs)).map(str::to_owned);
        assert_eq!(of(&[("authorization", "bearer  abc")]).unwrap(), "abc");
        assert_eq!(of(&[("x-api-key", "abc")]).unwrap(), "abc");
    }

    #[test]
    fn no_credential_and_an_unreadable_one_are_told_apart() {
        let code = |pairs| credential(&headers(pairs)).unwrap_err().code();
        assert_eq!(code(&[]), Code::AuthMissing);
        assert_eq!(code(&[("authorization", "Basic eDp5")]), Code::AuthInvalid);
        assert_eq!(code(&[("authorization", "Bearer ")]), Code::AuthInvalid);
    }
}
