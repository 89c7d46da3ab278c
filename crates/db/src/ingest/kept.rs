//! What is kept as it came: types without a meaning yet, and updates that could not be handled.

#![expect(
    clippy::as_conversions,
    reason = "the query macros name the type of a nullable array with `as`"
)]

use chrono::{DateTime, Utc};
use sb_ids::{OrganizationId, PostId, QuarantineId};
use uuid::Uuid;

use super::{Ingest, column};
use crate::DbError;

/// An update of a field this version does not interpret.
#[derive(Debug, Clone)]
pub struct KeptUpdate {
    /// The tenant.
    pub organization: OrganizationId,
    /// Derived from the post and the place in it.
    pub id: Uuid,
    /// Meta's name of the field.
    pub field: String,
    /// The value, without NUL characters.
    pub payload_json: String,
    /// The post it came in.
    pub post: PostId,
    /// When the post arrived.
    pub received_at: DateTime<Utc>,
}

/// An update that could not be handled.
#[derive(Debug, Clone)]
pub struct QuarantinedUpdate {
    /// Derived from the post and the place in it.
    pub id: QuarantineId,
    /// The tenant, when known.
    pub organization: Option<OrganizationId>,
    /// The post it came in.
    pub post: PostId,
    /// The app that posted it.
    pub app_id: String,
    /// Stable code of the reason.
    pub reason: &'static str,
    /// Where in the post.
    pub place: String,
    /// The smallest piece at fault, without NUL characters.
    pub payload: String,
    /// Where the post is in UPDATES.
    pub source_sequence: i64,
}

impl Ingest<'_> {
    /// Keeps updates; returns how many are new.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn keep(&mut self, updates: &[KeptUpdate]) -> Result<u64, DbError> {
        if updates.is_empty() {
            return Ok(0);
        }
        let organizations: Vec<Uuid> = updates.iter().map(|u| u.organization.as_uuid()).collect();
        let ids: Vec<Uuid> = updates.iter().map(|u| u.id).collect();
        let fields: Vec<String> = updates.iter().map(|u| u.field.clone()).collect();
        let payloads: Vec<String> = updates.iter().map(|u| u.payload_json.clone()).collect();
        let posts: Vec<Uuid> = updates.iter().map(|u| u.post.as_uuid()).collect();
        let times: Vec<DateTime<Utc>> = updates.iter().map(|u| u.received_at).collect();
        sqlx::query!(
            r#"
            INSERT INTO raw_updates (organization_id, id, field, payload, post_id, received_at)
            SELECT o, i, f, j::jsonb, p, r
            FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[])
                AS x (o, i, f, j, p, r)
            ON CONFLICT (organization_id, id) DO NOTHING
            "#,
            &organizations,
            &ids,
            &fields,
            &payloads,
            &posts,
            &times,
        )
        .execute(&mut *self.connection)
        .await
        .map(|done| done.rows_affected())
        .map_err(DbError::of("raw_updates.keep"))
    }

    /// Puts updates aside; returns how many are new.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn quarantine(
        &mut self,
        updates: &[QuarantinedUpdate],
        at: DateTime<Utc>,
    ) -> Result<u64, DbError> {
        if updates.is_empty() {
            return Ok(0);
        }
        sqlx::query!(
            r#"
            INSERT INTO quarantine (
                id, organization_id, post_id, app_id, reason, place, payload, source_sequence, created_at)
            SELECT i, o, p, a, r, l, j, q, $9
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])
                AS x (i, o, p, a, r, l, j, q)
            ON CONFLICT (id) DO NOTHING
            "#,
            &column(updates, |u| u.id.as_uuid()),
            &column(updates, |u| u.organization.map(Uuid::from)) as &[Option<Uuid>],
            &column(updates, |u| u.post.as_uuid()),
            &column(updates, |u| u.app_id.clone()),
            &column(updates, |u| u.reason.to_owned()),
            &column(updates, |u| u.place.clone()),
            &column(updates, |u| u.payload.clone()),
            &column(updates, |u| u.source_sequence),
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(|done| done.rows_affected())
        .map_err(DbError::of("quarantine.put"))
    }
}
