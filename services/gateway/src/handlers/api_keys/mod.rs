//! API keys: shown whole exactly once.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;

use chrono::{DateTime, Utc};
use sb_db::{ApiKey, NewApiKey};
use sb_domain::access::{Role, Scope};
use sb_http::{ApiKeySecret, KeyHasher, Problem};
use sb_ids::ApiKeyId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// An API key without its secret part.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct ApiKeyResponse {
    /// Its id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// Its first characters, by which it can be recognised.
    #[schema(example = "sb_live_1f2e3d")]
    prefix: String,
    /// Its rank: `agent`, `member`, `admin` or `owner`.
    #[schema(example = "admin")]
    role: &'static str,
    /// What it may do.
    #[schema(example = json!(["messages:read", "messages:write"]))]
    scopes: Vec<&'static str>,
    /// When it stops working.
    expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    last_used_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<ApiKey> for ApiKeyResponse {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.as_uuid(),
            name: key.name,
            prefix: key.prefix,
            role: key.role.as_str(),
            scopes: key.scopes.into_iter().map(Scope::as_str).collect(),
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            created_at: key.created_at,
        }
    }
}

/// A new API key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedApiKey)]
pub(crate) struct CreatedApiKeyResponse {
    #[serde(flatten)]
    api_key: ApiKeyResponse,
    /// The whole key. It is never shown again.
    #[schema(example = "sb_live_0000000000000000000000000000000000000000000000000000000000000000")]
    key: String,
}

impl CreatedApiKeyResponse {
    pub(crate) fn of(key: ApiKey, secret: &ApiKeySecret) -> Self {
        Self {
            api_key: key.into(),
            key: secret.expose().to_owned(),
        }
    }
}

/// Makes a key and the row that stands for it.
pub(crate) fn new_key(
    hasher: &KeyHasher,
    (name, role, scopes, expires_at): (&str, Role, Vec<Scope>, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<(ApiKeySecret, NewApiKey), Problem> {
    let secret = ApiKeySecret::generate().map_err(Problem::internal)?;
    let key = NewApiKey {
        id: ApiKeyId::new(now),
        name: name.to_owned(),
        prefix: secret.prefix(),
        key_hash: hasher.hash(&secret),
        role,
        scopes,
        expires_at,
    };
    Ok((secret, key))
}
