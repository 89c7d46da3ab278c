//! Recording what became of claimed messages.

#![expect(
    clippy::as_conversions,
    reason = "the query macros name the type of a nullable array with `as`"
)]

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sb_domain::delivery::DeliveryState;
use sb_ids::{MessageId, NumberId, OrganizationId, Wamid};
use serde_json::Value;

use super::{Dispatch, OutgoingRef, column};
use crate::DbError;

/// Meta took a message over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The message.
    pub outgoing: OutgoingRef,
    /// Meta's id of it.
    pub wamid: Wamid,
    /// When Meta's answer came.
    pub at: DateTime<Utc>,
    /// The template for a closed window went in its place.
    pub used_fallback: bool,
}

/// Meta did not take a message over, or nobody knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The message.
    pub outgoing: OutgoingRef,
    /// The attempt it was claimed for.
    pub attempt: i32,
    /// What it becomes: `queued` again, `failed` or `unknown`.
    pub state: DeliveryState,
    /// When somebody has to look at it again.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Put off to `next_attempt_at` like a scheduled message, so that it does not hold its conversation back.
    pub is_postponed: bool,
    /// Our stable code.
    pub error_code: String,
    /// Meta's own object, or null.
    pub error: Value,
    /// When this became known.
    pub at: DateTime<Utc>,
}

/// How an attempt that brought no wamid ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Meta refused.
    Refused,
    /// The request never left.
    NotSent,
    /// The request left and its answer is lost.
    AnswerLost,
}

impl AttemptOutcome {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
            Self::AnswerLost => "answer_lost",
        }
    }
}

/// An attempt that brought no wamid; kept for `switchboard why`.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The tenant.
    pub organization: OrganizationId,
    /// The message.
    pub message: MessageId,
    /// Which attempt, from 1.
    pub attempt: i32,
    /// When the request was made.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Our stable code.
    pub error_code: String,
    /// Meta's own object, or null.
    pub error: Value,
}

/// A number's token that Meta refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedToken {
    /// The tenant.
    pub organization: OrganizationId,
    /// The number.
    pub number: NumberId,
    /// The token as it was stored when it was used; a newer one is not affected.
    pub access_token_sealed: Vec<u8>,
}

impl Dispatch<'_> {
    /// Records wamids. A state that a status webhook has already carried further stays. Returns the messages
    /// for which this was news.
    ///
    /// # Errors
    /// [`DbError::Conflict`] when a wamid is another message's, or [`DbError::Query`].
    pub async fn accept(
        &mut self,
        acceptances: &[Acceptance],
    ) -> Result<BTreeSet<MessageId>, DbError> {
        if acceptances.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ids = sqlx::query_scalar!(
            r#"
            UPDATE messages m
            SET wamid = coalesce(m.wamid, w.wamid),
                state = CASE WHEN sb_delivery_rank(m.state) < sb_delivery_rank('accepted') THEN 'accepted'
                        ELSE m.state END,
                accepted_at = w.at,
                used_fallback = w.fallback,
                error_code = CASE WHEN m.state = 'failed' THEN m.error_code END,
                error = CASE WHEN m.state = 'failed' THEN m.error END,
                next_attempt_at = NULL
            FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::boolean[])
                AS w (o, i, wamid, at, fallback)
            WHERE m.organization_id = w.o AND m.id = w.i AND m.accepted_at IS NULL
            RETURNING m.id
            "#,
            &column(acceptances, |a| a.outgoing.organization.as_uuid()),
            &column(acceptances, |a| a.outgoing.message.as_uuid()),
            &column(acceptances, |a| a.wamid.as_str().to_owned()),
            &column(acceptances, |a| a.at),
            &column(acceptances, |a| a.used_fallback),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.accept"))?;
        Ok(ids.into_iter().map(MessageId::from).collect())
    }

    /// Records refusals and lost answers, each only while its row still is in the hands of the attempt it
    /// speaks of. Returns the messages for which this was news.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn refuse(&mut self, refusals: &[Refusal]) -> Result<BTreeSet<MessageId>, DbError> {
        if refusals.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ids = sqlx::query_scalar!(
            r#"
            UPDATE messages m
            SET state = w.state,
                next_attempt_at = w.next_at,
                send_at = CASE WHEN w.postponed THEN w.next_at ELSE m.send_at END,
                error_code = w.error_code,
                error = nullif(w.error, 'null'::jsonb),
                failed_at = CASE WHEN w.state = 'failed' THEN w.at END
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::timestamptz[], $6::boolean[], $7::text[],
                $8::jsonb[], $9::timestamptz[])
                AS w (o, i, attempt, state, next_at, postponed, error_code, error, at)
            WHERE m.organization_id = w.o AND m.id = w.i AND m.attempts = w.attempt
              AND (m.state = 'sending' OR (m.state = 'unknown' AND w.state <> 'unknown'))
            RETURNING m.id
            "#,
            &column(refusals, |r| r.outgoing.organization.as_uuid()),
            &column(refusals, |r| r.outgoing.message.as_uuid()),
            &column(refusals, |r| r.attempt),
            &column(refusals, |r| r.state.as_str().to_owned()),
            &column(refusals, |r| r.next_attempt_at) as &[Option<DateTime<Utc>>],
            &column(refusals, |r| r.is_postponed),
            &column(refusals, |r| r.error_code.clone()),
            &column(refusals, |r| r.error.clone()),
            &column(refusals, |r| r.at),
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("messages.refuse"))?;
        Ok(ids.into_iter().map(MessageId::from).collect())
    }

    /// Keeps attempts for whoever asks what happened.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn keep_attempts(&mut self, attempts: &[Attempt]) -> Result<(), DbError> {
        if attempts.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            r#"
            INSERT INTO send_attempts (
                organization_id, message_id, attempt, started_at, finished_at, outcome, error_code, error)
            SELECT o, i, attempt, started_at, finished_at, outcome, error_code, error
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::text[],
                $7::text[], $8::jsonb[])
                AS w (o, i, attempt, started_at, finished_at, outcome, error_code, error)
            ON CONFLICT (organization_id, message_id, attempt) DO NOTHING
            "#,
            &column(attempts, |a| a.organization.as_uuid()),
            &column(attempts, |a| a.message.as_uuid()),
            &column(attempts, |a| a.attempt),
            &column(attempts, |a| a.started_at),
            &column(attempts, |a| a.finished_at),
            &column(attempts, |a| a.outcome.as_str().to_owned()),
            &column(attempts, |a| a.error_code.clone()),
            &column(attempts, |a| a.error.clone()),
        )
        .execute(self.0.connection())
        .await
        .map(drop)
        .map_err(DbError::of("send_attempts.insert"))
    }

    /// Stops numbers whose token Meta refused, until a new token is stored. Returns those for which this was
    /// news.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn reject_tokens(
        &mut self,
        tokens: &[RejectedToken],
        at: DateTime<Utc>,
    ) -> Result<Vec<(OrganizationId, NumberId)>, DbError> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query!(
            r#"
            UPDATE numbers n
            SET token_rejected_at = $4, updated_at = $4
            FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS w (o, i, sealed)
            WHERE n.organization_id = w.o AND n.id = w.i AND n.access_token_sealed = w.sealed
              AND n.token_rejected_at IS NULL
            RETURNING n.organization_id, n.id
            "#,
            &column(tokens, |t| t.organization.as_uuid()),
            &column(tokens, |t| t.number.as_uuid()),
            &column(tokens, |t| t.access_token_sealed.clone()),
            at,
        )
        .fetch_all(self.0.connection())
        .await
        .map_err(DbError::of("numbers.reject_tokens"))?;
        Ok(rows
            .into_iter()
            .map(|row| (row.organization_id.into(), row.id.into()))
            .collect())
    }
}
