//! Accounts, as far as webhooks tell of them. An older word does not undo a newer one.

use chrono::{DateTime, Utc};
use sb_ids::OrganizationId;
use serde_json::Value;

use super::Ingest;
use crate::DbError;

/// What is told about an account.
#[derive(Debug, Clone, PartialEq)]
pub enum AccountFact {
    /// `active`, `offboarded`, `disabled`.
    Status(&'static str),
    /// Whether it is or will be disabled: Meta's own object.
    Ban {
        /// `active` or `disabled` from now on; `None` for a ban that is only announced.
        status: Option<&'static str>,
        /// As received.
        info: Value,
    },
    /// What it may not do: Meta's own list.
    Restrictions(Value),
    /// What a review decided.
    Review(String),
    /// How many people its portfolio may write to in a day.
    MessagingLimit(String),
}

impl Ingest<'_> {
    /// Records what is told about an account; repeating it changes nothing. Whether it was news.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn tell_account(
        &mut self,
        (organization, waba_id): (OrganizationId, &str),
        fact: &AccountFact,
        at: DateTime<Utc>,
    ) -> Result<bool, DbError> {
        let (mut status, mut ban, mut restrictions, mut review, mut limit) =
            (None, None, None, None, None);
        match fact {
            AccountFact::Status(word) => status = Some(*word),
            AccountFact::Ban { status: word, info } => {
                status = *word;
                ban = Some(info);
            }
            AccountFact::Restrictions(list) => restrictions = Some(list),
            AccountFact::Review(decision) => review = Some(decision.as_str()),
            AccountFact::MessagingLimit(word) => limit = Some(word.as_str()),
        }
        let done = sqlx::query!(
            r#"
            UPDATE wabas
            SET status = coalesce($3, status),
                status_at = CASE WHEN $3::text IS NULL THEN status_at ELSE $8 END,
                ban = coalesce($4, ban),
                ban_at = CASE WHEN $4::jsonb IS NULL THEN ban_at ELSE $8 END,
                restrictions = coalesce($5, restrictions),
                restrictions_at = CASE WHEN $5::jsonb IS NULL THEN restrictions_at ELSE $8 END,
                review_decision = coalesce($6, review_decision),
                review_at = CASE WHEN $6::text IS NULL THEN review_at ELSE $8 END,
                messaging_limit = coalesce($7, messaging_limit),
                messaging_limit_at = CASE WHEN $7::text IS NULL THEN messaging_limit_at ELSE $8 END
            WHERE organization_id = $1 AND waba_id = $2
                AND ($3::text IS NULL OR coalesce(status_at <= $8, true))
                AND ($4::jsonb IS NULL OR coalesce(ban_at <= $8, true))
                AND ($5::jsonb IS NULL OR coalesce(restrictions_at <= $8, true))
                AND ($6::text IS NULL OR coalesce(review_at <= $8, true))
                AND ($7::text IS NULL OR coalesce(messaging_limit_at <= $8, true))
            "#,
            organization.as_uuid(),
            waba_id,
            status,
            ban,
            restrictions,
            review,
            limit,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("wabas.tell"))?;
        Ok(done.rows_affected() > 0)
    }
}
