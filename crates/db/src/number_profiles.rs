//! What Meta says about business phone numbers: who is asked about next, with which token, and what came back.

use chrono::{DateTime, Utc};
use sb_ids::{MetaAppId, NumberId, OrganizationId, PhoneNumberId, WabaId};
use uuid::Uuid;

use crate::{DbError, Number, SystemTx, TenantTx};

/// A number to ask Meta about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSource {
    /// Our row.
    pub number: NumberId,
    /// Meta's id.
    pub phone_number_id: PhoneNumberId,
    /// Meta's access token, sealed for this row.
    pub access_token_sealed: Option<Vec<u8>>,
}

/// A number whose profile was not read for long enough, claimed by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueProfile {
    /// The tenant.
    pub organization: OrganizationId,
    /// The number.
    pub source: ProfileSource,
    /// Attempts that failed since the last one that did not.
    pub failures: u32,
}

/// An account and the token with which Meta is asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Meta's id.
    pub waba: WabaId,
    /// The app that may speak for it.
    pub app: MetaAppId,
    /// When the app was last subscribed to its updates.
    pub subscribed_at: Option<DateTime<Utc>>,
    /// A number of it that has a token: the one whose token was not refused, if there is one.
    pub token_of: Option<NumberId>,
    /// That token, sealed for the number's row.
    pub access_token_sealed: Option<Vec<u8>>,
}

/// What Meta says about a number; `None` where Meta said nothing, which leaves the column alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberProfile {
    /// As people write it.
    pub display_phone_number: Option<String>,
    /// The name Meta verified.
    pub verified_name: Option<String>,
    /// `CONNECTED`, `FLAGGED`, …
    pub status: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, …
    pub quality_rating: Option<String>,
    /// `STANDARD`, `HIGH`, …
    pub throughput_level: Option<String>,
    /// `TIER_250`, `TIER_2K`, …
    pub messaging_limit: Option<String>,
}

/// A number after its profile was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedProfile {
    /// The row as it is now.
    pub number: Number,
    /// Names of the columns that changed.
    pub changed: Vec<&'static str>,
}

struct StoredProfile {
    display_phone_number: String,
    verified_name: String,
    status: String,
    quality_rating: String,
    throughput_level: String,
    messaging_limit: String,
    access_token_sealed: Option<Vec<u8>>,
    token_rejected_at: Option<DateTime<Utc>>,
}

impl StoredProfile {
    fn changed_by(&self, profile: &NumberProfile) -> Vec<&'static str> {
        let columns = [
            (
                "display_phone_number",
                &self.display_phone_number,
                &profile.display_phone_number,
            ),
            ("verified_name", &self.verified_name, &profile.verified_name),
            ("status", &self.status, &profile.status),
            (
                "quality_rating",
                &self.quality_rating,
                &profile.quality_rating,
            ),
            (
                "throughput_level",
                &self.throughput_level,
                &profile.throughput_level,
            ),
            (
                "messaging_limit",
                &self.messaging_limit,
                &profile.messaging_limit,
            ),
        ];
        columns
            .into_iter()
            .filter(|(_, old, new)| new.as_ref().is_some_and(|new| new != *old))
            .map(|(name, ..)| name)
            .collect()
    }
}

/// The profiles of one organization's numbers, and its accounts.
#[derive(Debug)]
pub struct NumberProfiles<'t>(&'t mut TenantTx);

impl TenantTx {
    /// What Meta says about the organization's numbers.
    pub const fn number_profiles(&mut self) -> NumberProfiles<'_> {
        NumberProfiles(self)
    }
}

impl NumberProfiles<'_> {
    /// What asking Meta about a number needs.
    ///
    /// # Errors
    /// A query error.
    pub async fn find_source(&mut self, id: NumberId) -> Result<Option<ProfileSource>, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT phone_number_id, access_token_sealed
            FROM numbers
            WHERE organization_id = $1 AND id = $2
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("number_profiles.find_source"))?;
        row.map(|row| source(id.as_uuid(), row.phone_number_id, row.access_token_sealed))
            .transpose()
    }

    /// Finds an account with the token to use for it.
    ///
    /// # Errors
    /// A query error.
    pub async fn find_account(&mut self, waba: &WabaId) -> Result<Option<Account>, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT w.app_id, w.subscribed_at, n.id AS "number_id?", n.access_token_sealed AS "sealed?"
            FROM wabas w
            LEFT JOIN LATERAL (
                SELECT id, access_token_sealed
                FROM numbers
                WHERE organization_id = w.organization_id AND waba_id = w.waba_id
                  AND access_token_sealed IS NOT NULL
                ORDER BY (token_rejected_at IS NULL) DESC, id
                LIMIT 1
            ) n ON true
            WHERE w.organization_id = $1 AND w.waba_id = $2
            "#,
            self.0.organization().as_uuid(),
            waba.as_str(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("wabas.find"))?;
        row.map(|row| {
            Ok(Account {
                waba: waba.clone(),
                app: MetaAppId::parse(row.app_id).map_err(|_| DbError::Inconsistent {
                    table: "wabas",
                    column: "app_id",
                    id: self.0.organization().as_uuid(),
                })?,
                subscribed_at: row.subscribed_at,
                token_of: row.number_id.map(Into::into),
                access_token_sealed: row.sealed,
            })
        })
        .transpose()
    }

    /// Stores what Meta said about a number. `used` is the sealed token Meta answered to: if it still is the
    /// number's, it works, and the wait that a refusal caused is over. `None` when the number is gone.
    ///
    /// # Errors
    /// A query error.
    pub async fn save(
        &mut self,
        id: NumberId,
        profile: &NumberProfile,
        used: Option<&[u8]>,
        at: DateTime<Utc>,
    ) -> Result<Option<SavedProfile>, DbError> {
        let Some(stored) = self.lock(id).await? else {
            return Ok(None);
        };
        let is_token_good = used.is_some() && used == stored.access_token_sealed.as_deref();
        let mut changed = stored.changed_by(profile);
        if is_token_good && stored.token_rejected_at.is_some() {
            changed.push("token_rejected_at");
        }
        sqlx::query!(
            r#"
            UPDATE numbers
            SET display_phone_number = coalesce($3, display_phone_number),
                verified_name = coalesce($4, verified_name),
                status = coalesce($5, status),
                quality_rating = coalesce($6, quality_rating),
                throughput_level = coalesce($7, throughput_level),
                messaging_limit = coalesce($8, messaging_limit),
                token_rejected_at = CASE WHEN $9 THEN NULL ELSE token_rejected_at END,
                profile_refreshed_at = $10,
                profile_held_until = NULL,
                profile_failures = 0,
                updated_at = CASE WHEN $11 THEN $10 ELSE updated_at END
            WHERE organization_id = $1 AND id = $2
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
            profile.display_phone_number,
            profile.verified_name,
            profile.status,
            profile.quality_rating,
            profile.throughput_level,
            profile.messaging_limit,
            is_token_good,
            at,
            !changed.is_empty(),
        )
        .execute(self.0.connection())
        .await
        .map_err(DbError::of("number_profiles.save"))?;
        let number = self.0.numbers().find(id).await?;
        Ok(number.map(|number| SavedProfile { number, changed }))
    }

    async fn lock(&mut self, id: NumberId) -> Result<Option<StoredProfile>, DbError> {
        sqlx::query_as!(
            StoredProfile,
            r#"
            SELECT display_phone_number, verified_name, status, quality_rating, throughput_level, messaging_limit,
                   access_token_sealed, token_rejected_at
            FROM numbers
            WHERE organization_id = $1 AND id = $2
            FOR UPDATE
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("number_profiles.lock"))
    }

    /// Records that Meta refused the token: sending waits for a new one. `false` when that was known, or when
    /// another token was stored meanwhile.
    ///
    /// # Errors
    /// A query error.
    pub async fn reject_token(
        &mut self,
        id: NumberId,
        used: &[u8],
        at: DateTime<Utc>,
    ) -> Result<bool, DbError> {
        sqlx::query!(
            r#"
            UPDATE numbers
            SET token_rejected_at = $4, updated_at = $4
            WHERE organization_id = $1 AND id = $2 AND access_token_sealed = $3 AND token_rejected_at IS NULL
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
            used,
            at,
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(DbError::of("number_profiles.reject_token"))
    }

    /// Records an attempt that failed; the next one is made from `until` on.
    ///
    /// # Errors
    /// A query error.
    pub async fn hold(&mut self, id: NumberId, until: DateTime<Utc>) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE numbers
            SET profile_failures = profile_failures + 1, profile_held_until = $3
            WHERE organization_id = $1 AND id = $2
            "#,
            self.0.organization().as_uuid(),
            id.as_uuid(),
            until,
        )
        .execute(self.0.connection())
        .await
        .map(drop)
        .map_err(DbError::of("number_profiles.hold"))
    }

    /// Records that an account's app gets its updates; `false` when there is no such account.
    ///
    /// # Errors
    /// A query error.
    pub async fn mark_subscribed(
        &mut self,
        waba: &WabaId,
        at: DateTime<Utc>,
    ) -> Result<bool, DbError> {
        sqlx::query!(
            "UPDATE wabas SET subscribed_at = $3 WHERE organization_id = $1 AND waba_id = $2",
            self.0.organization().as_uuid(),
            waba.as_str(),
            at,
        )
        .execute(self.0.connection())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(DbError::of("wabas.mark_subscribed"))
    }
}

fn source(
    id: Uuid,
    phone_number_id: String,
    access_token_sealed: Option<Vec<u8>>,
) -> Result<ProfileSource, DbError> {
    Ok(ProfileSource {
        number: id.into(),
        phone_number_id: PhoneNumberId::parse(phone_number_id).map_err(|_| {
            DbError::Inconsistent {
                table: "numbers",
                column: "phone_number_id",
                id,
            }
        })?,
        access_token_sealed,
    })
}

/// The profiles of all tenants' numbers.
#[derive(Debug)]
pub struct SystemNumberProfiles<'t>(&'t mut SystemTx);

impl SystemTx {
    /// Which numbers are due; [`crate::SystemReason::NumberRefresh`].
    pub const fn number_profiles(&mut self) -> SystemNumberProfiles<'_> {
        SystemNumberProfiles(self)
    }
}

impl SystemNumberProfiles<'_> {
    /// Claims numbers whose profile was last read before `older_than`, those that wait longest first. Nobody
    /// else gets them until `held_until`; whoever got them saves a profile or holds them before.
    ///
    /// # Errors
    /// A query error.
    pub async fn claim_due(
        &mut self,
        older_than: DateTime<Utc>,
        at: DateTime<Utc>,
        held_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueProfile>, DbError> {
        let rows = sqlx::query!(
            r#"
            WITH due AS (
                SELECT organization_id, id
                FROM numbers
                WHERE (profile_refreshed_at IS NULL OR profile_refreshed_at <= $1)
                  AND (profile_held_until IS NULL OR profile_held_until <= $2)
                ORDER BY profile_refreshed_at NULLS FIRST
                LIMIT $4
                FOR UPDATE SKIP LOCKED
            )
            UPDATE numbers n
            SET profile_held_until = $3
            FROM due
            WHERE n.organization_id = due.organization_id AND n.id = due.id
            RETURNING n.organization_id, n.id, n.phone_number_id, n.access_token_sealed, n.profile_failures
            "#,
            older_than,
            at,
            held_until,
            i64::from(limit),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("number_profiles.claim_due"))?;
        rows.into_iter()
            .map(|row| {
                Ok(DueProfile {
                    organization: row.organization_id.into(),
                    source: source(row.id, row.phone_number_id, row.access_token_sealed)?,
                    failures: u32::try_from(row.profile_failures).unwrap_or(0),
                })
            })
            .collect()
    }
}
