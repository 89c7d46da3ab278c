//! Updates that could not be handled, for those who look after them. A tenant sees those that are known to be its own;
//! the system sees all.

use chrono::{DateTime, TimeDelta, Utc};
use sb_ids::{OrganizationId, PostId, QuarantineId};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::{ActivityKey, DbError, Page, PageRequest, SystemTx, TenantTx};

/// How an update left quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuarantineResolution {
    /// It was run again, and could be handled.
    Replayed,
    /// Somebody decided that it is not needed.
    Discarded,
}

impl QuarantineResolution {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Replayed, Self::Discarded]
            .into_iter()
            .find(|known| known.as_str() == word)
    }
}

/// An update in quarantine.
#[derive(Clone, PartialEq, Eq)]
pub struct QuarantinedItem {
    /// Its id, derived from the post and the place in it.
    pub id: QuarantineId,
    /// The tenant, when known.
    pub organization: Option<OrganizationId>,
    /// The post it came in.
    pub post: PostId,
    /// The app that posted it.
    pub app_id: String,
    /// The account it names, or empty.
    pub waba_id: String,
    /// The number it names, by Meta's id, or empty.
    pub phone_number_id: String,
    /// Stable code of the reason, the latest one.
    pub reason: String,
    /// Where in the post.
    pub place: String,
    /// The smallest piece at fault, as text; only in what [`Quarantine::find`] gives.
    pub payload: Option<String>,
    /// Where the latest copy of the post is in UPDATES.
    pub source_sequence: i64,
    /// How often it was run again.
    pub attempts: i32,
    /// When a replay was asked for that has not been run yet.
    pub replay_requested_at: Option<DateTime<Utc>>,
    /// When one was last run.
    pub last_replayed_at: Option<DateTime<Utc>>,
    /// When it was put aside.
    pub created_at: DateTime<Utc>,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// How.
    pub resolution: Option<QuarantineResolution>,
    /// By whom: an API key, `operator` or `ingest`; empty while it is open.
    pub resolved_by: String,
    /// What whoever discarded it had to say.
    pub note: String,
}

impl std::fmt::Debug for QuarantinedItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The payload and the note may be personal.
        f.debug_struct("QuarantinedItem")
            .field("id", &self.id)
            .field("organization", &self.organization)
            .field("reason", &self.reason)
            .field("place", &self.place)
            .field("resolution", &self.resolution)
            .finish_non_exhaustive()
    }
}

impl QuarantinedItem {
    /// Whether a replay was asked for and has not been run.
    pub const fn is_replay_pending(&self) -> bool {
        self.resolved_at.is_none() && self.replay_requested_at.is_some()
    }
}

/// Which updates are wanted; a condition that is `None` is none.
#[derive(Debug, Clone, Default)]
pub struct QuarantineFilter {
    /// Those that are open, or those that are resolved.
    pub open: Option<bool>,
    /// Those put aside for one reason.
    pub reason: Option<String>,
    /// Those that name one number, by Meta's id.
    pub phone_number_id: Option<String>,
    /// Those of one tenant.
    pub organization: Option<OrganizationId>,
}

/// What is to be run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRequest {
    /// Everything open of the post, by its place in it, in the order of places.
    pub places: Vec<String>,
}

struct QuarantineRow {
    id: Uuid,
    organization_id: Option<Uuid>,
    post_id: Uuid,
    app_id: String,
    waba_id: String,
    phone_number_id: String,
    reason: String,
    place: String,
    payload: Option<String>,
    source_sequence: i64,
    attempts: i32,
    replay_requested_at: Option<DateTime<Utc>>,
    last_replayed_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
    resolution: Option<String>,
    resolved_by: String,
    note: String,
}

impl QuarantineRow {
    fn read(self) -> Result<QuarantinedItem, DbError> {
        let resolution = match self.resolution.as_deref() {
            None => None,
            Some(word) => Some(
                QuarantineResolution::parse(word).ok_or(DbError::Inconsistent {
                    table: "quarantine",
                    column: "resolution",
                    id: self.id,
                })?,
            ),
        };
        Ok(QuarantinedItem {
            id: self.id.into(),
            organization: self.organization_id.map(Into::into),
            post: self.post_id.into(),
            app_id: self.app_id,
            waba_id: self.waba_id,
            phone_number_id: self.phone_number_id,
            reason: self.reason,
            place: self.place,
            payload: self.payload,
            source_sequence: self.source_sequence,
            attempts: self.attempts,
            replay_requested_at: self.replay_requested_at,
            last_replayed_at: self.last_replayed_at,
            created_at: self.created_at,
            resolved_at: self.resolved_at,
            resolution,
            resolved_by: self.resolved_by,
            note: self.note,
        })
    }
}

macro_rules! quarantine {
    ($before:tt $payload:tt $after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            QuarantineRow,
            $before
                + " id, organization_id, post_id, app_id, waba_id, phone_number_id, reason, place, source_sequence,
                    attempts, replay_requested_at, last_replayed_at, created_at, resolved_at, resolution,
                    resolved_by, note, "
                + $payload
                + $after,
            $($argument),*
        )
    };
}

/// An update that waits to be run again by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its post.
    pub post: PostId,
    /// Where in the post.
    pub place: String,
    /// Where its post is in UPDATES.
    pub source_sequence: i64,
}

/// Updates in quarantine, as far as the transaction sees them.
#[derive(Debug)]
pub struct Quarantine<'t> {
    connection: &'t mut PgConnection,
}

impl TenantTx {
    /// The organization's updates in quarantine.
    pub fn quarantine(&mut self) -> Quarantine<'_> {
        Quarantine {
            connection: self.connection(),
        }
    }
}

impl SystemTx {
    /// All updates in quarantine.
    pub fn quarantine(&mut self) -> Quarantine<'_> {
        Quarantine {
            connection: self.connection(),
        }
    }
}

impl Quarantine<'_> {
    /// Lists them without their payloads, the latest first.
    ///
    /// # Errors
    /// A query error.
    pub async fn list(
        &mut self,
        filter: &QuarantineFilter,
        request: PageRequest<ActivityKey>,
    ) -> Result<Page<QuarantinedItem, ActivityKey>, DbError> {
        let rows = quarantine!(
            "SELECT"
            r#" NULL::text AS "payload?" "#
            "
            FROM quarantine
            WHERE ($1::boolean IS NULL OR (resolved_at IS NULL) = $1)
                AND ($2::text IS NULL OR reason = $2)
                AND ($3::text IS NULL OR phone_number_id = $3)
                AND ($4::uuid IS NULL OR organization_id = $4)
                AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6))
            ORDER BY created_at DESC, id DESC
            LIMIT $7",
            filter.open,
            filter.reason.as_deref(),
            filter.phone_number_id.as_deref(),
            filter.organization.map(Uuid::from),
            request.after.map(|key| key.at),
            request.after.map(|key| key.id),
            request.probe(),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("quarantine.list"))?;
        let items = rows
            .into_iter()
            .map(QuarantineRow::read)
            .collect::<Result<_, _>>()?;
        Ok(request.page(items, |item: &QuarantinedItem| ActivityKey {
            at: item.created_at,
            id: item.id.as_uuid(),
        }))
    }

    /// Finds one, with its payload.
    ///
    /// # Errors
    /// A query error.
    pub async fn find(&mut self, id: QuarantineId) -> Result<Option<QuarantinedItem>, DbError> {
        quarantine!(
            "SELECT"
            r#" payload AS "payload?" "#
            "FROM quarantine WHERE id = $1",
            id.as_uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(DbError::of("quarantine.find"))?
        .map(QuarantineRow::read)
        .transpose()
    }

    /// Open ones whose post, id or payload is what somebody looks for, the latest first, five at most. Reads
    /// every open payload: for people.
    ///
    /// # Errors
    /// A query error.
    pub async fn search(&mut self, text: &str) -> Result<Vec<QuarantinedItem>, DbError> {
        let id = Uuid::try_parse(text).ok();
        quarantine!(
            "SELECT"
            r#" NULL::text AS "payload?" "#
            "
            FROM quarantine
            WHERE resolved_at IS NULL AND (id = $1 OR post_id = $1 OR strpos(payload, $2) > 0)
            ORDER BY created_at DESC, id DESC
            LIMIT 5",
            id,
            text,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("quarantine.search"))?
        .into_iter()
        .map(QuarantineRow::read)
        .collect()
    }

    /// Notes that everything of a post that is open, and that the transaction sees, is to be run again.
    ///
    /// # Errors
    /// A query error.
    pub async fn request_replay(
        &mut self,
        post: PostId,
        at: DateTime<Utc>,
    ) -> Result<ReplayRequest, DbError> {
        let mut places = sqlx::query_scalar!(
            r#"
            UPDATE quarantine SET replay_requested_at = $2
            WHERE post_id = $1 AND resolved_at IS NULL
            RETURNING place
            "#,
            post.as_uuid(),
            at,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("quarantine.request_replay"))?;
        places.sort_unstable();
        Ok(ReplayRequest { places })
    }

    /// Takes open updates of one reason that have rested, longer after each try in vain, and whose last replay, if
    /// any, was asked for before `lost`; in the order in which they came. Each goes to one caller, and counts as
    /// asked for from now on.
    ///
    /// # Errors
    /// A query error.
    pub async fn take_set_aside(
        &mut self,
        reason: &str,
        (rest, lost): (TimeDelta, DateTime<Utc>),
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<SetAside>, DbError> {
        let rest = PgInterval {
            months: 0,
            days: 0,
            microseconds: rest.num_microseconds().unwrap_or(i64::MAX),
        };
        let rows = sqlx::query!(
            r#"
            UPDATE quarantine SET replay_requested_at = $4
            WHERE id IN (
                SELECT id FROM quarantine
                WHERE resolved_at IS NULL AND reason = $1
                    AND coalesce(last_replayed_at, created_at) + $2::interval * (1 << least(attempts, 6)) < $4
                    AND (replay_requested_at IS NULL OR replay_requested_at < $3)
                ORDER BY source_sequence, created_at, place
                LIMIT $5
                FOR UPDATE SKIP LOCKED)
            RETURNING post_id, place, source_sequence
            "#,
            reason,
            rest,
            lost,
            now,
            limit,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("quarantine.take_set_aside"))?;
        let mut taken: Vec<SetAside> = rows
            .into_iter()
            .map(|row| SetAside {
                post: row.post_id.into(),
                place: row.place,
                source_sequence: row.source_sequence,
            })
            .collect();
        taken.sort_by_key(|update| (update.source_sequence, update.post));
        Ok(taken)
    }

    /// Gives open updates of a post another reason, and takes back that they are run again.
    ///
    /// # Errors
    /// A query error.
    pub async fn change_reason(
        &mut self,
        post: PostId,
        (from, to): (&str, &str),
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE quarantine SET reason = $3, replay_requested_at = NULL
            WHERE post_id = $1 AND reason = $2 AND resolved_at IS NULL
            "#,
            post.as_uuid(),
            from,
            to,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("quarantine.change_reason"))
    }

    /// Takes a request back that could not be carried out, so that it can be made again at once.
    ///
    /// # Errors
    /// A query error.
    pub async fn withdraw_replay(
        &mut self,
        post: PostId,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            "UPDATE quarantine SET replay_requested_at = NULL WHERE post_id = $1 AND replay_requested_at = $2",
            post.as_uuid(),
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("quarantine.withdraw_replay"))
    }

    /// Discards an open one. `None` when there is none that is open.
    ///
    /// # Errors
    /// A query error.
    pub async fn discard(
        &mut self,
        id: QuarantineId,
        (by, note): (&str, &str),
        at: DateTime<Utc>,
    ) -> Result<Option<QuarantinedItem>, DbError> {
        quarantine!(
            "
            UPDATE quarantine
            SET resolution = 'discarded', resolved_at = $2, resolved_by = $3, note = $4, replay_requested_at = NULL
            WHERE id = $1 AND resolved_at IS NULL
            RETURNING"
            r#" NULL::text AS "payload?" "#
            "",
            id.as_uuid(),
            at,
            by,
            note,
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(DbError::of("quarantine.discard"))?
        .map(QuarantineRow::read)
        .transpose()
    }
}
