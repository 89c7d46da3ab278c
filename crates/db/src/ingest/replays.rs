//! What a replay came to, for the updates that were in quarantine.

#![expect(
    clippy::as_conversions,
    reason = "the query macros name the type of a nullable array with `as`"
)]

use chrono::{DateTime, Utc};
use sb_ids::{OrganizationId, PostId};
use uuid::Uuid;

use super::{Ingest, column};
use crate::DbError;

/// An update that was run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedPlace {
    /// Its post.
    pub post: PostId,
    /// Where in the post; empty for everything in it.
    pub place: String,
    /// Where the copy that was run is in UPDATES.
    pub sequence: i64,
}

/// An update that was run again and still cannot be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedReplay {
    /// Its post.
    pub post: PostId,
    /// Where in the post.
    pub place: String,
    /// Why, now.
    pub reason: &'static str,
    /// The tenant, when known by now.
    pub organization: Option<OrganizationId>,
}

impl Ingest<'_> {
    /// Closes what was in quarantine and could be handled this time, and notes why the rest could not. An
    /// update failed when it, or what surrounds it, did; what it holds has rows of its own. The same replay
    /// settled again changes nothing; what is resolved stays so.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn settle_replays(
        &mut self,
        replayed: &[ReplayedPlace],
        failed: &[FailedReplay],
        at: DateTime<Utc>,
    ) -> Result<u64, DbError> {
        if replayed.is_empty() {
            return Ok(0);
        }
        sqlx::query!(
            r#"
            WITH tried AS (
                SELECT DISTINCT ON (q.id) q.id, r.sequence, f.reason, f.organization_id
                FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS r (post_id, place, sequence)
                JOIN quarantine q ON q.post_id = r.post_id AND (r.place = '' OR q.place = r.place)
                LEFT JOIN unnest($4::uuid[], $5::text[], $6::text[], $7::uuid[])
                    AS f (post_id, place, reason, organization_id)
                    ON f.post_id = q.post_id
                    AND (f.place = 'post' OR q.place = f.place OR starts_with(q.place, f.place || '.'))
                WHERE q.resolved_at IS NULL
                ORDER BY q.id, r.sequence DESC, length(f.place) DESC NULLS LAST
            )
            UPDATE quarantine q
            SET attempts = q.attempts + CASE WHEN q.source_sequence = t.sequence THEN 0 ELSE 1 END,
                source_sequence = t.sequence,
                last_replayed_at = $8::timestamptz,
                replay_requested_at = NULL,
                reason = coalesce(t.reason, q.reason),
                organization_id = coalesce(q.organization_id, t.organization_id),
                resolved_at = CASE WHEN t.reason IS NULL THEN $8::timestamptz END,
                resolution = CASE WHEN t.reason IS NULL THEN 'replayed' END,
                resolved_by = CASE WHEN t.reason IS NULL THEN 'ingest' ELSE '' END
            FROM tried t
            WHERE q.id = t.id AND q.resolved_at IS NULL
            "#,
            &column(replayed, |r| r.post.as_uuid()),
            &column(replayed, |r| r.place.clone()),
            &column(replayed, |r| r.sequence),
            &column(failed, |f| f.post.as_uuid()),
            &column(failed, |f| f.place.clone()),
            &column(failed, |f| f.reason.to_owned()),
            &column(failed, |f| f.organization.map(Uuid::from)) as &[Option<Uuid>],
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(|done| done.rows_affected())
        .map_err(DbError::of("quarantine.settle"))
    }
}
