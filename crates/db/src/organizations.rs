//! Organizations: a tenant sees its own, the operator makes and lists all of them.

use chrono::{DateTime, Utc};
use sb_ids::{AgentId, OrganizationId};
use uuid::Uuid;

use crate::{DbError, Page, PageRequest, SystemTx, TenantTx};

/// Whether an organization may use the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationStatus {
    /// It may.
    Active,
    /// Its keys are refused.
    Suspended,
}

impl OrganizationStatus {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "active" => Some(Self::Active),
            "suspended" => Some(Self::Suspended),
            _ => None,
        }
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// What people call it.
    pub name: String,
    /// Whether it may use the product.
    pub status: OrganizationStatus,
    /// Answers where neither the conversation nor the number names an agent.
    pub default_agent: Option<AgentId>,
    /// How many days files are kept; `None` for ever.
    pub media_retention_days: Option<i32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What to change of an organization; `None` leaves a field alone.
#[derive(Debug, Clone, Default)]
pub struct OrganizationChange {
    /// A new name.
    pub name: Option<String>,
    /// A new default agent, or none.
    pub default_agent: Option<Option<AgentId>>,
    /// Another number of days for which files are kept, or for ever.
    pub media_retention_days: Option<Option<i32>>,
}

struct OrganizationRow {
    id: Uuid,
    name: String,
    status: String,
    default_agent_id: Option<Uuid>,
    media_retention_days: Option<i32>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl OrganizationRow {
    fn read(self) -> Result<Organization, DbError> {
        Ok(Organization {
            id: self.id.into(),
            name: self.name,
            status: OrganizationStatus::parse(&self.status).ok_or(DbError::Inconsistent {
                table: "organizations",
                column: "status",
                id: self.id,
            })?,
            default_agent: self.default_agent_id.map(Into::into),
            media_retention_days: self.media_retention_days,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

macro_rules! organizations {
    ($before:tt $after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            OrganizationRow,
            $before + " id, name, status, default_agent_id, media_retention_days, created_at, updated_at " + $after,
            $($argument),*
        )
    };
}

/// The organization of a tenant's transaction.
#[derive(Debug)]
pub struct Organizations<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization this transaction acts for.
    pub const fn organizations(&mut self) -> Organizations<'_> {
        Organizations(self)
    }
}

impl Organizations<'_> {
    /// Reads it.
    ///
    /// # Errors
    /// [`DbError::Missing`] when it is gone, or a query error.
    pub async fn get(&mut self) -> Result<Organization, DbError> {
        let id = self.0.organization().as_uuid();
        organizations!("SELECT" "FROM organizations WHERE id = $1", id)
            .fetch_optional(self.0.connection())
            .await
            .map_err(DbError::of("organizations.get"))?
            .ok_or(DbError::Missing {
                table: "organizations",
                id,
            })?
            .read()
    }

    /// Changes it.
    ///
    /// # Errors
    /// [`DbError::Dangling`] when the agent is not this organization's; otherwise as [`Self::get`].
    pub async fn update(
        &mut self,
        change: &OrganizationChange,
        at: DateTime<Utc>,
    ) -> Result<Organization, DbError> {
        let id = self.0.organization().as_uuid();
        organizations!(
            "
            UPDATE organizations
            SET name = coalesce($2, name),
                default_agent_id = CASE WHEN $3 THEN $4 ELSE default_agent_id END,
                media_retention_days = CASE WHEN $6 THEN $7 ELSE media_retention_days END,
                updated_at = $5
            WHERE id = $1
            RETURNING"
            "",
            id,
            change.name.as_deref(),
            change.default_agent.is_some(),
            change.default_agent.flatten().map(Uuid::from),
            at,
            change.media_retention_days.is_some(),
            change.media_retention_days.flatten(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("organizations.update"))?
        .ok_or(DbError::Missing {
            table: "organizations",
            id,
        })?
        .read()
    }
}

/// All organizations, for the operator.
#[derive(Debug)]
pub struct SystemOrganizations<'t>(&'t mut SystemTx);

impl SystemTx {
    /// Every organization; [`crate::SystemReason::Provisioning`].
    pub const fn organizations(&mut self) -> SystemOrganizations<'_> {
        SystemOrganizations(self)
    }
}

impl SystemOrganizations<'_> {
    /// Makes one.
    ///
    /// # Errors
    /// [`DbError::Conflict`] when the id is taken, or a query error.
    pub async fn insert(
        &mut self,
        id: OrganizationId,
        name: &str,
        at: DateTime<Utc>,
    ) -> Result<Organization, DbError> {
        organizations!(
            "INSERT INTO organizations (id, name, created_at, updated_at) VALUES ($1, $2, $3, $3) RETURNING"
            "",
            id.as_uuid(),
            name,
            at,
        )
        .fetch_one(self.0.connection())
        .await
        .map_err(DbError::of("organizations.insert"))?
        .read()
    }

    /// Finds one.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(&mut self, id: OrganizationId) -> Result<Option<Organization>, DbError> {
        organizations!("SELECT" "FROM organizations WHERE id = $1", id.as_uuid())
            .fetch_optional(self.0.connection())
            .await
            .map_err(DbError::of("organizations.find"))?
            .map(OrganizationRow::read)
            .transpose()
    }

    /// Lists them, latest first.
    ///
    /// # Errors
    /// A query error.
    pub async fn list(
        &mut self,
        request: PageRequest<OrganizationId>,
    ) -> Result<Page<Organization, OrganizationId>, DbError> {
        let rows = organizations!(
            "SELECT"
            "FROM organizations WHERE ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2",
            request.after.map(Uuid::from),
            request.probe(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("organizations.list"))?;
        let items = rows
            .into_iter()
            .map(OrganizationRow::read)
            .collect::<Result<_, _>>()?;
        Ok(request.page(items, |organization: &Organization| organization.id))
    }

    /// Lets one use the product, or stops it.
    ///
    /// # Errors
    /// A query error.
    pub async fn update_status(
        &mut self,
        id: OrganizationId,
        status: OrganizationStatus,
        at: DateTime<Utc>,
    ) -> Result<Option<Organization>, DbError> {
        organizations!(
            "UPDATE organizations SET status = $2, updated_at = $3 WHERE id = $1 RETURNING"
            "",
            id.as_uuid(),
            status.as_str(),
            at,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("organizations.update_status"))?
        .map(OrganizationRow::read)
        .transpose()
    }
}
