use std::fmt;

use chrono::{DateTime, Utc};
use sb_domain::access::{Role, Scope};
use sb_ids::ApiKeyId;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// An API key without its secret part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// Its rank.
    pub role: Role,
    /// What it may do: `messages:write`, …
    pub scopes: Vec<String>,
    /// When it stops working.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A new API key.
#[derive(Clone, Deserialize)]
pub struct CreatedApiKey {
    /// What is known about it.
    #[serde(flatten)]
    pub api_key: ApiKey,
    /// The whole key, shown only here.
    pub key: SecretString,
}

impl fmt::Debug for CreatedApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CreatedApiKey").field(&self.api_key).finish()
    }
}

/// A key to be made.
#[derive(Debug, Clone, Serialize)]
pub struct CreateApiKey {
    /// What people call it.
    pub name: String,
    /// Its rank, at most your own.
    pub role: Role,
    /// What it may do, at most what you may.
    pub scopes: Vec<Scope>,
    /// When it stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}
