//! Business phone numbers. Making one binds Meta's number to a tenant, which crosses tenants; everything else is
//! the tenant's own. The access token stays sealed and is never part of a [`Number`].

use chrono::{DateTime, Utc};
use sb_ids::{AgentId, MetaAppId, NumberId, OrganizationId, PhoneNumberId, WabaId};
use uuid::Uuid;

use crate::{DbError, Page, PageRequest, SystemTx, TenantTx};

/// A business phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Our row.
    pub id: NumberId,
    /// Meta's id.
    pub phone_number_id: PhoneNumberId,
    /// The account it belongs to.
    pub waba: WabaId,
    /// As people write it.
    pub display_phone_number: String,
    /// The name Meta verified.
    pub verified_name: String,
    /// Meta's word, empty while it is not known.
    pub status: String,
    /// Meta's word, empty while it is not known.
    pub quality_rating: String,
    /// Meta's word, empty while it is not known.
    pub throughput_level: String,
    /// Meta's word, empty while it is not known.
    pub messaging_limit: String,
    /// Messages a second that may be sent, where it differs from the installation's default.
    pub rate_per_second: Option<u16>,
    /// An access token is stored.
    pub has_access_token: bool,
    /// When Meta refused the token, until a new one is stored.
    pub token_rejected_at: Option<DateTime<Utc>>,
    /// The agent that answers here.
    pub agent: Option<AgentId>,
    /// When Meta was last asked about the number.
    pub profile_refreshed_at: Option<DateTime<Utc>>,
    /// When it was connected.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A number to be connected.
#[derive(Debug, Clone)]
pub struct NewNumber {
    /// The tenant.
    pub organization: OrganizationId,
    /// Our row; the token is sealed for it.
    pub id: NumberId,
    /// Meta's id.
    pub phone_number_id: PhoneNumberId,
    /// The account it belongs to.
    pub waba: WabaId,
    /// The app that may speak for the account.
    pub app: MetaAppId,
    /// As people write it; empty until Meta was asked.
    pub display_phone_number: String,
    /// Meta's access token, sealed for `numbers.access_token_sealed` of this row.
    pub access_token_sealed: Option<Vec<u8>>,
    /// The agent that answers here.
    pub agent: Option<AgentId>,
    /// Messages a second that may be sent.
    pub rate_per_second: Option<u16>,
}

/// What to change of a number; `None` leaves a field alone.
#[derive(Debug, Clone, Default)]
pub struct NumberChange {
    /// A new agent, or none.
    pub agent: Option<Option<AgentId>>,
    /// A new rate, or the installation's default.
    pub rate_per_second: Option<Option<u16>>,
    /// A new sealed access token.
    pub access_token_sealed: Option<Vec<u8>>,
}

struct NumberRow {
    id: Uuid,
    phone_number_id: String,
    waba_id: String,
    display_phone_number: String,
    verified_name: String,
    status: String,
    quality_rating: String,
    throughput_level: String,
    messaging_limit: String,
    rate_per_second: Option<i32>,
    has_access_token: bool,
    token_rejected_at: Option<DateTime<Utc>>,
    agent_id: Option<Uuid>,
    profile_refreshed_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl NumberRow {
    fn read(self) -> Result<Number, DbError> {
        let unusable = |column| DbError::Inconsistent {
            table: "numbers",
            column,
            id: self.id,
        };
        Ok(Number {
            id: self.id.into(),
            phone_number_id: PhoneNumberId::parse(self.phone_number_id)
                .map_err(|_| unusable("phone_number_id"))?,
            waba: WabaId::parse(self.waba_id).map_err(|_| unusable("waba_id"))?,
            display_phone_number: self.display_phone_number,
            verified_name: self.verified_name,
            status: self.status,
            quality_rating: self.quality_rating,
            throughput_level: self.throughput_level,
            messaging_limit: self.messaging_limit,
            rate_per_second: self
                .rate_per_second
                .map(u16::try_from)
                .transpose()
                .map_err(|_| unusable("rate_per_second"))?,
            has_access_token: self.has_access_token,
            token_rejected_at: self.token_rejected_at,
            agent: self.agent_id.map(Into::into),
            profile_refreshed_at: self.profile_refreshed_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

macro_rules! numbers {
    ($before:tt $after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            NumberRow,
            $before
                + r#" id, phone_number_id, waba_id, display_phone_number, verified_name, status, quality_rating,
                    throughput_level, messaging_limit, rate_per_second,
                    access_token_sealed IS NOT NULL AS "has_access_token!", token_rejected_at, agent_id,
                    profile_refreshed_at, created_at, updated_at "#
                + $after,
            $($argument),*
        )
    };
}

/// The numbers of one organization.
#[derive(Debug)]
pub struct Numbers<'t>(&'t mut TenantTx);

impl TenantTx {
    /// The organization's numbers.
    pub const fn numbers(&mut self) -> Numbers<'_> {
        Numbers(self)
    }
}

impl Numbers<'_> {
    /// Finds one.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(&mut self, id: NumberId) -> Result<Option<Number>, DbError> {
        numbers!(
            "SELECT"
            "FROM numbers WHERE organization_id = $1 AND id = $2",
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("numbers.find"))?
        .map(NumberRow::read)
        .transpose()
    }

    /// Finds one by Meta's id.
    ///
    /// # Errors
    /// A query error.
    pub async fn find_by_phone_number_id(
        &mut self,
        id: &PhoneNumberId,
    ) -> Result<Option<Number>, DbError> {
        numbers!(
            "SELECT"
            "FROM numbers WHERE organization_id = $1 AND phone_number_id = $2",
            self.0.organization().as_uuid(),
            id.as_str(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("numbers.find_by_phone_number_id"))?
        .map(NumberRow::read)
        .transpose()
    }

    /// Lists all, latest first.
    ///
    /// # Errors
    /// A query error.
    pub async fn list(
        &mut self,
        request: PageRequest<NumberId>,
    ) -> Result<Page<Number, NumberId>, DbError> {
        let rows = numbers!(
            "SELECT"
            "
            FROM numbers
            WHERE organization_id = $1 AND ($2::uuid IS NULL OR id < $2)
            ORDER BY id DESC
            LIMIT $3",
            self.0.organization().as_uuid(),
            request.after.map(Uuid::from),
            request.probe(),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("numbers.list"))?;
        let items = rows
            .into_iter()
            .map(NumberRow::read)
            .collect::<Result<_, _>>()?;
        Ok(request.page(items, |number: &Number| number.id))
    }

    /// Changes one. A new token ends the wait that a refused one caused.
    ///
    /// # Errors
    /// [`DbError::Dangling`] when the agent is not this organization's, or a query error.
    pub async fn update(
        &mut self,
        id: NumberId,
        change: &NumberChange,
        at: DateTime<Utc>,
    ) -> Result<Option<Number>, DbError> {
        numbers!(
            "
            UPDATE numbers
            SET agent_id = CASE WHEN $3 THEN $4 ELSE agent_id END,
                rate_per_second = CASE WHEN $5 THEN $6 ELSE rate_per_second END,
                access_token_sealed = coalesce($7, access_token_sealed),
                token_rejected_at = CASE WHEN $7::bytea IS NULL THEN token_rejected_at END,
                updated_at = $8
            WHERE organization_id = $1 AND id = $2
            RETURNING"
            "",
            self.0.organization().as_uuid(),
            id.as_uuid(),
            change.agent.is_some(),
            change.agent.flatten().map(Uuid::from),
            change.rate_per_second.is_some(),
            change.rate_per_second.flatten().map(i32::from),
            change.access_token_sealed.as_deref(),
            at,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("numbers.update"))?
        .map(NumberRow::read)
        .transpose()
    }
}

/// Binds numbers of Meta's to organizations.
#[derive(Debug)]
pub struct SystemNumbers<'t>(&'t mut SystemTx);

impl SystemTx {
    /// Every number; [`crate::SystemReason::NumberRouting`].
    pub const fn numbers(&mut self) -> SystemNumbers<'_> {
        SystemNumbers(self)
    }
}

impl SystemNumbers<'_> {
    /// Connects a number: the account with its app, the number, and the route that leads Meta's updates to it.
    ///
    /// # Errors
    /// [`DbError::Conflict`] when the number is connected already, by whomever, or its account is bound to
    /// another app; [`DbError::Dangling`] when the organization or the agent does not exist.
    pub async fn insert(&mut self, new: &NewNumber, at: DateTime<Utc>) -> Result<Number, DbError> {
        self.bind_account(new, at).await?;
        let number = numbers!(
            "
            INSERT INTO numbers (
                organization_id, id, phone_number_id, waba_id, display_phone_number, access_token_sealed, agent_id,
                rate_per_second, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
            RETURNING"
            "",
            new.organization.as_uuid(),
            new.id.as_uuid(),
            new.phone_number_id.as_str(),
            new.waba.as_str(),
            new.display_phone_number,
            new.access_token_sealed.as_deref(),
            new.agent.map(Uuid::from),
            new.rate_per_second.map(i32::from),
            at,
        )
        .fetch_one(self.0.connection())
        .await
        .map_err(DbError::of("numbers.insert"))?
        .read()?;
        self.insert_route(new).await?;
        Ok(number)
    }

    async fn bind_account(&mut self, new: &NewNumber, at: DateTime<Utc>) -> Result<(), DbError> {
        let bound = sqlx::query_scalar!(
            r#"
            INSERT INTO wabas (organization_id, waba_id, app_id, created_at)
            VALUES ($1, $2, $3, $4)
            ON CONFLICT (organization_id, waba_id) DO UPDATE SET app_id = wabas.app_id
            RETURNING app_id
            "#,
            new.organization.as_uuid(),
            new.waba.as_str(),
            new.app.as_str(),
            at,
        )
        .fetch_one(self.0.connection())
        .await
        .map_err(DbError::of("wabas.insert"))?;
        if bound == new.app.as_str() {
            Ok(())
        } else {
            Err(DbError::Conflict {
                constraint: "wabas_app_id".to_owned(),
            })
        }
    }

    async fn insert_route(&mut self, new: &NewNumber) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            INSERT INTO number_routes (phone_number_id, organization_id, number_id, waba_id, app_id)
            VALUES ($1, $2, $3, $4, $5)
            "#,
            new.phone_number_id.as_str(),
            new.organization.as_uuid(),
            new.id.as_uuid(),
            new.waba.as_str(),
            new.app.as_str(),
        )
        .execute(self.0.connection())
        .await
        .map(drop)
        .map_err(DbError::of("number_routes.insert"))
    }
}
