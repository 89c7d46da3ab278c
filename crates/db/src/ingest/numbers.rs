//! Business phone numbers, as far as webhooks tell of them. An older word does not undo a newer one.

use chrono::{DateTime, Utc};
use sb_ids::{NumberId, OrganizationId};
use serde_json::Value;

use super::Ingest;
use crate::DbError;

/// How an update names a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberName {
    /// By Meta's id.
    Id(String),
    /// By what is shown: compared by digits, among the numbers of the account.
    Shown(String),
    /// All numbers of the account.
    All,
}

/// What is told about a number.
#[derive(Debug, Clone, PartialEq)]
pub enum NumberFact {
    /// `CONNECTED`, `DISCONNECTED`, `FLAGGED`, …
    Status(String),
    /// How many people it may write to in a day, and its throughput; empty when the update does not say.
    Limit {
        /// `TIER_250`, …
        messaging_limit: String,
        /// `HIGH` after an upgrade.
        throughput_level: String,
    },
    /// What was decided about its display name.
    Name {
        /// `APPROVED`, …
        decision: String,
        /// The name that was asked for.
        requested: String,
    },
    /// Its username.
    Username {
        /// Empty when it was deleted.
        username: String,
        /// `approved`, …
        status: String,
    },
    /// Its PIN.
    Pin(String),
    /// Its calling settings, as received.
    Calling(Value),
    /// The import of its past.
    History {
        /// 0 to 100.
        progress: Option<i16>,
        /// Why there is none.
        error: Option<Value>,
    },
}

impl NumberFact {
    /// The columns it changes, as `NumberChanged` names them.
    pub const fn columns(&self) -> &'static [&'static str] {
        match self {
            Self::Status(_) => &["status"],
            Self::Limit { .. } => &["messaging_limit", "throughput_level"],
            Self::Name { .. } => &["name_decision", "verified_name"],
            Self::Username { .. } => &["username"],
            Self::Pin(_) => &["pin_event"],
            Self::Calling(_) => &["calling_settings"],
            Self::History { .. } => &["history_progress"],
        }
    }
}

impl Ingest<'_> {
    /// The tenant's numbers of an account that an update means.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn find_numbers(
        &mut self,
        organization: OrganizationId,
        waba_id: &str,
        name: &NumberName,
    ) -> Result<Vec<NumberId>, DbError> {
        let (id, shown) = match name {
            NumberName::Id(id) => (Some(id.as_str()), None),
            NumberName::Shown(shown) => {
                let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
                (None, Some(digits))
            }
            NumberName::All => (None, None),
        };
        let rows = sqlx::query_scalar!(
            r#"
            SELECT id FROM numbers
            WHERE organization_id = $1
                AND ($3::text IS NULL OR phone_number_id = $3)
                AND ($4::text IS NULL OR regexp_replace(display_phone_number, '\D', '', 'g') = $4)
                AND ($3::text IS NOT NULL OR waba_id = $2)
            ORDER BY id
            "#,
            organization.as_uuid(),
            waba_id,
            id,
            shown,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("numbers.find_told"))?;
        Ok(rows.into_iter().map(NumberId::from).collect())
    }

    /// Records what is told about a number; repeating it changes nothing. Whether it was news.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn tell_number(
        &mut self,
        (organization, number): (OrganizationId, NumberId),
        fact: &NumberFact,
        at: DateTime<Utc>,
    ) -> Result<bool, DbError> {
        let columns = Told::of(fact);
        let done = sqlx::query!(
            r#"
            UPDATE numbers
            SET status = coalesce($3, status),
                status_at = CASE WHEN $3::text IS NULL THEN status_at ELSE $16 END,
                messaging_limit = coalesce($4, messaging_limit),
                throughput_level = coalesce($5, throughput_level),
                quality_at = CASE WHEN $6 THEN $16 ELSE quality_at END,
                name_decision = coalesce($7, name_decision),
                name_requested = coalesce($8, name_requested),
                verified_name = CASE WHEN $7 = 'APPROVED' AND $8 <> '' THEN $8 ELSE verified_name END,
                name_at = CASE WHEN $7::text IS NULL THEN name_at ELSE $16 END,
                username = coalesce($9, username),
                username_status = coalesce($10, username_status),
                username_at = CASE WHEN $10::text IS NULL THEN username_at ELSE $16 END,
                pin_event = coalesce($11, pin_event),
                pin_at = CASE WHEN $11::text IS NULL THEN pin_at ELSE $16 END,
                calling_settings = coalesce($12, calling_settings),
                settings_at = CASE WHEN $12::jsonb IS NULL THEN settings_at ELSE $16 END,
                history_progress = greatest(history_progress, $13),
                history_error = coalesce($14, history_error),
                history_at = CASE WHEN $15 THEN greatest(history_at, $16) ELSE history_at END,
                updated_at = greatest(updated_at, $16)
            WHERE organization_id = $1 AND id = $2
                AND ($3::text IS NULL OR coalesce(status_at <= $16, true))
                AND (NOT $6 OR coalesce(quality_at <= $16, true))
                AND ($7::text IS NULL OR coalesce(name_at <= $16, true))
                AND ($10::text IS NULL OR coalesce(username_at <= $16, true))
                AND ($11::text IS NULL OR coalesce(pin_at <= $16, true))
                AND ($12::jsonb IS NULL OR coalesce(settings_at <= $16, true))
            "#,
            organization.as_uuid(),
            number.as_uuid(),
            columns.status,
            columns.messaging_limit,
            columns.throughput_level,
            columns.is_limit,
            columns.name_decision,
            columns.name_requested,
            columns.username,
            columns.username_status,
            columns.pin_event,
            columns.calling_settings,
            columns.history_progress,
            columns.history_error,
            columns.is_history,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("numbers.tell"))?;
        Ok(done.rows_affected() > 0)
    }
}

/// The columns of one fact.
#[derive(Debug, Default)]
struct Told<'f> {
    status: Option<&'f str>,
    is_limit: bool,
    messaging_limit: Option<&'f str>,
    throughput_level: Option<&'f str>,
    name_decision: Option<&'f str>,
    name_requested: Option<&'f str>,
    username: Option<&'f str>,
    username_status: Option<&'f str>,
    pin_event: Option<&'f str>,
    calling_settings: Option<&'f Value>,
    is_history: bool,
    history_progress: Option<i16>,
    history_error: Option<&'f Value>,
}

fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

impl<'f> Told<'f> {
    fn of(fact: &'f NumberFact) -> Self {
        let mut told = Self::default();
        match fact {
            NumberFact::Status(status) => told.status = Some(status),
            NumberFact::Limit {
                messaging_limit,
                throughput_level,
            } => {
                told.is_limit = true;
                told.messaging_limit = filled(messaging_limit);
                told.throughput_level = filled(throughput_level);
            }
            NumberFact::Name {
                decision,
                requested,
            } => {
                told.name_decision = Some(decision);
                told.name_requested = Some(requested);
            }
            NumberFact::Username { username, status } => {
                told.username = Some(username);
                told.username_status = Some(status);
            }
            NumberFact::Pin(event) => told.pin_event = Some(event),
            NumberFact::Calling(settings) => told.calling_settings = Some(settings),
            NumberFact::History { progress, error } => {
                told.is_history = true;
                told.history_progress = *progress;
                told.history_error = error.as_ref();
            }
        }
        told
    }
}
