//! API keys: the hash of a key leads to its organization, role and scopes.

use chrono::{DateTime, Utc};
use sb_domain::access::{Role, Scope};
use sb_ids::{ApiKeyId, OrganizationId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{DbError, OrganizationStatus, Page, PageRequest, SystemTx, TenantTx};

/// A key as its organization sees it: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// Its rank.
    pub role: Role,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it stops working.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// Its first characters, to be shown.
    pub prefix: String,
    /// HMAC-SHA-256 of the whole key.
    pub key_hash: Vec<u8>,
    /// Its rank.
    pub role: Role,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it stops working.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What a presented key stands for. The caller decides whether it is still good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The tenant.
    pub organization: OrganizationId,
    /// Whether the tenant may use the product.
    pub organization_status: OrganizationStatus,
    /// The key.
    pub key: ApiKey,
}

struct ApiKeyRow {
    id: Uuid,
    name: String,
    prefix: String,
    role: String,
    scopes: Vec<String>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl ApiKeyRow {
    fn read(self) -> Result<ApiKey, DbError> {
        let role = Role::parse(&self.role).ok_or(DbError::Inconsistent {
            table: "api_keys",
            column: "role",
            id: self.id,
        })?;
        Ok(ApiKey {
            id: self.id.into(),
            name: self.name,
            prefix: self.prefix,
            role,
            // A scope this release does not know any more grants nothing.
            scopes: self
                .scopes
                .iter()
                .filter_map(|word| Scope::parse(word))
                .collect(),
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            last_used_at: self.last_used_at,
            created_at: self.created_at,
        })
    }
}

macro_rules! api_keys {
    ($before:tt $after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ApiKeyRow,
            $before
                + " id, name, prefix, role, scopes, expires_at, revoked_at, last_used_at, created_at "
                + $after,
            $($argument),*
        )
    };
}

async fn insert(
    connection: &mut PgConnection,
    organization: OrganizationId,
    new: &NewApiKey,
    at: DateTime<Utc>,
) -> Result<ApiKey, DbError> {
    let scopes: Vec<String> = new.scopes.iter().map(|s| s.as_str().to_owned()).collect();
    api_keys!(
        "
        INSERT INTO api_keys (
            organization_id, id, name, prefix, key_hash, role, scopes, expires_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        RETURNING"
        "",
        organization.as_uuid(),
        new.id.as_uuid(),
        new.name,
        new.prefix,
        new.key_hash,
        new.role.as_str(),
        &scopes,
        new.expires_at,
        at,
    )
    .fetch_one(connection)
    .await
    .map_err(DbError::of("api_keys.insert"))?
    .read()
}

/// The keys of one organization.
#[derive(Debug)]
pub struct ApiKeys<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's API keys.
    pub const fn api_keys(&mut self) -> ApiKeys<'_> {
        ApiKeys(self)
    }
}

impl ApiKeys<'_> {
    /// Stores a new key.
    ///
    /// # Errors
    /// A query error.
    pub async fn insert(&mut self, new: &NewApiKey, at: DateTime<Utc>) -> Result<ApiKey, DbError> {
        let organization = self.0.organization();
        insert(self.0.connection(), organization, new, at).await
    }

    /// Lists all keys, latest first; revoked ones too.
    ///
    /// # Errors
    /// A query error.
    pub async fn list(
        &mut self,
        request: PageRequest<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, DbError> {
        let rows = api_keys!(
            "SELECT"
            "
            FROM api_keys
            WHERE organization_id = $1 AND ($2::uuid IS NULL OR id < $2)
            ORDER BY id DESC
            LIMIT $3",
            self.0.organization().as_uuid(),
            request.after.map(Uuid::from),
            request.probe(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("api_keys.list"))?;
        let items = rows
            .into_iter()
            .map(ApiKeyRow::read)
            .collect::<Result<_, _>>()?;
        Ok(request.page(items, |key: &ApiKey| key.id))
    }

    /// Finds one.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(&mut self, id: ApiKeyId) -> Result<Option<ApiKey>, DbError> {
        api_keys!(
            "SELECT"
            "FROM api_keys WHERE organization_id = $1 AND id = $2",
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("api_keys.find"))?
        .map(ApiKeyRow::read)
        .transpose()
    }

    /// Ends a key for good; a key that was revoked before keeps its time.
    ///
    /// # Errors
    /// A query error.
    pub async fn revoke(
        &mut self,
        id: ApiKeyId,
        at: DateTime<Utc>,
    ) -> Result<Option<ApiKey>, DbError> {
        api_keys!(
            "
            UPDATE api_keys
            SET revoked_at = coalesce(revoked_at, $3)
            WHERE organization_id = $1 AND id = $2
            RETURNING"
            "",
            self.0.organization().as_uuid(),
            id.as_uuid(),
            at,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("api_keys.revoke"))?
        .map(ApiKeyRow::read)
        .transpose()
    }
}

/// The keys of all organizations.
#[derive(Debug)]
pub struct SystemApiKeys<'t>(&'t mut SystemTx);

impl SystemTx {
    /// Every API key; [`crate::SystemReason::Authentication`] or [`crate::SystemReason::Provisioning`].
    pub const fn api_keys(&mut self) -> SystemApiKeys<'_> {
        SystemApiKeys(self)
    }
}

impl SystemApiKeys<'_> {
    /// Stores the first key of a new organization.
    ///
    /// # Errors
    /// [`DbError::Dangling`] when there is no such organization.
    pub async fn insert(
        &mut self,
        organization: OrganizationId,
        new: &NewApiKey,
        at: DateTime<Utc>,
    ) -> Result<ApiKey, DbError> {
        insert(self.0.connection(), organization, new, at).await
    }

    /// Finds who holds a key. Revoked and expired keys are found as well.
    ///
    /// # Errors
    /// A query error.
    pub async fn find_by_hash(&mut self, key_hash: &[u8]) -> Result<Option<KeyHolder>, DbError> {
        let found = sqlx::query!(
            r#"
            SELECT k.organization_id, k.id, k.name, k.prefix, k.role, k.scopes, k.expires_at, k.revoked_at,
                k.last_used_at, k.created_at, o.status
            FROM api_keys k
            JOIN organizations o ON o.id = k.organization_id
            WHERE k.key_hash = $1
            "#,
            key_hash
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("api_keys.find_by_hash"))?;
        let Some(row) = found else {
            return Ok(None);
        };
        let status = OrganizationStatus::parse(&row.status).ok_or(DbError::Inconsistent {
            table: "organizations",
            column: "status",
            id: row.organization_id,
        })?;
        let key = ApiKeyRow {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            role: row.role,
            scopes: row.scopes,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
            created_at: row.created_at,
        };
        Ok(Some(KeyHolder {
            organization: row.organization_id.into(),
            organization_status: status,
            key: key.read()?,
        }))
    }

    /// Notes that a key was used; once a minute is enough.
    ///
    /// # Errors
    /// A query error.
    pub async fn touch(
        &mut self,
        organization: OrganizationId,
        id: ApiKeyId,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE api_keys
            SET last_used_at = $3
            WHERE organization_id = $1 AND id = $2
                AND (last_used_at IS NULL OR last_used_at <= $3::timestamptz - interval '1 minute')
            "#,
            organization.as_uuid(),
            id.as_uuid(),
            at,
        )
        .execute(self.0.connection())
        .await
        .map(drop)
        .map_err(DbError::of("api_keys.touch"))
    }
}
