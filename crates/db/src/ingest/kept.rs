//! What is kept as it came: types without a meaning yet, and updates that could not be handled.

#![expect(
    clippy::as_conversions,
    reason = "the query macros name the type of a nullable array with `as`"
)]

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sb_ids::{OrganizationId, PostId, QuarantineId};
use uuid::Uuid;

use super::{Ingest, column};
use crate::DbError;

/// An update that is kept as it came, beside whatever it changes.
#[derive(Debug, Clone)]
pub struct KeptUpdate {
    /// The tenant.
    pub organization: OrganizationId,
    /// The same for the same update, in whichever post it comes.
    pub id: Uuid,
    /// Meta's id of the account.
    pub waba_id: String,
    /// Whether this version knows what it means.
    pub is_recognized: bool,
    /// Meta's name of the field.
    pub field: String,
    /// The value, without NUL characters.
    pub payload_json: String,
    /// The post it came in.
    pub post: PostId,
    /// When the post arrived.
    pub received_at: DateTime<Utc>,
}

/// Which updates are new, and where the others came from first.
#[derive(Debug, Default)]
pub struct Kept {
    new: HashSet<(OrganizationId, Uuid)>,
    posts: HashMap<(OrganizationId, Uuid), PostId>,
}

/// Whether an update was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is new.
    First,
    /// An earlier run of the same post kept it; nobody knows whether it came to announce it.
    SamePost,
    /// It came in another post.
    Before,
}

impl Kept {
    /// Whether an update was there before.
    pub fn seen(&self, update: &KeptUpdate) -> Seen {
        let key = (update.organization, update.id);
        if self.new.contains(&key) {
            Seen::First
        } else if self.posts.get(&key) == Some(&update.post) {
            Seen::SamePost
        } else {
            Seen::Before
        }
    }
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
    /// The account it names; empty when it names none.
    pub waba_id: String,
    /// The number it names, by Meta's id; empty when it names none.
    pub phone_number_id: String,
    /// Stable code of the reason.
    pub reason: &'static str,
    /// Where in the post.
    pub place: String,
    /// The smallest piece at fault, without NUL characters.
    pub payload: String,
    /// Where the post is in UPDATES.
    pub source_sequence: i64,
    /// It was run again.
    pub is_replay: bool,
}

impl Ingest<'_> {
    /// Keeps updates. Returns those that are there now with the post each was first kept from: another one
    /// than the given means that the update is a duplicate.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn keep(&mut self, updates: &[KeptUpdate]) -> Result<Kept, DbError> {
        if updates.is_empty() {
            return Ok(Kept::default());
        }
        let organizations = column(updates, |u| u.organization.as_uuid());
        let ids = column(updates, |u| u.id);
        let new = sqlx::query!(
            r#"
            INSERT INTO raw_updates (
                organization_id, id, field, payload, post_id, received_at, waba_id, is_recognized)
            SELECT o, i, f, j::jsonb, p, r, w, k
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[], $7::text[],
                $8::boolean[]) AS x (o, i, f, j, p, r, w, k)
            ON CONFLICT (organization_id, id) DO NOTHING
            RETURNING organization_id, id
            "#,
            &organizations,
            &ids,
            &column(updates, |u| u.field.clone()),
            &column(updates, |u| u.payload_json.clone()),
            &column(updates, |u| u.post.as_uuid()),
            &column(updates, |u| u.received_at),
            &column(updates, |u| u.waba_id.clone()),
            &column(updates, |u| u.is_recognized),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("raw_updates.keep"))?;
        let mut kept = Kept {
            new: new
                .into_iter()
                .map(|row| (row.organization_id.into(), row.id))
                .collect(),
            posts: HashMap::new(),
        };
        if kept.new.len() < updates.len() {
            kept.posts = self.kept_posts(&organizations, &ids).await?;
        }
        Ok(kept)
    }

    async fn kept_posts(
        &mut self,
        organizations: &[Uuid],
        ids: &[Uuid],
    ) -> Result<HashMap<(OrganizationId, Uuid), PostId>, DbError> {
        let rows = sqlx::query!(
            r#"
            SELECT u.organization_id, u.id, u.post_id
            FROM unnest($1::uuid[], $2::uuid[]) AS w (o, i)
            JOIN raw_updates u ON u.organization_id = w.o AND u.id = w.i
            "#,
            organizations,
            ids,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("raw_updates.posts"))?;
        Ok(rows
            .into_iter()
            .map(|row| ((row.organization_id.into(), row.id), row.post_id.into()))
            .collect())
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
                id, organization_id, post_id, app_id, reason, place, payload, source_sequence, waba_id,
                phone_number_id, created_at)
            SELECT i, o, p, a, r, l, j, q, w, n, $11
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
                $9::text[], $10::text[])
                AS x (i, o, p, a, r, l, j, q, w, n)
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
            &column(updates, |u| u.waba_id.clone()),
            &column(updates, |u| u.phone_number_id.clone()),
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(|done| done.rows_affected())
        .map_err(DbError::of("quarantine.put"))
    }
}
