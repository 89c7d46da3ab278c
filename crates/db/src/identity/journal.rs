//! The journal of merges.

use chrono::{DateTime, Utc};
use sb_domain::identity::Merge;
use sb_ids::{ContactId, ContactMergeId, OrganizationId};
use serde_json::Value;
use uuid::Uuid;

use super::Identities;
use crate::DbError;

/// Why two contacts were merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeCause {
    /// An update of Meta's showed both as one person.
    Rule,
    /// Somebody asked for it.
    Request,
}

impl MergeCause {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Request => "request",
        }
    }
}

/// A merge of two contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactMerge {
    /// Its id.
    pub id: ContactMergeId,
    /// Who stands for both.
    pub winner: ContactId,
    /// Who was merged into it.
    pub loser: ContactId,
    /// `rule` or `request`.
    pub cause: String,
    /// Who asked for it: an API key, or `rules`.
    pub actor: String,
    /// When.
    pub merged_at: DateTime<Utc>,
    /// When it was undone.
    pub undone_at: Option<DateTime<Utc>>,
    /// Who undid it.
    pub undone_by: Option<String>,
}

pub(super) struct MergeRow {
    id: Uuid,
    winner_id: Uuid,
    loser_id: Uuid,
    cause: String,
    actor: String,
    merged_at: DateTime<Utc>,
    undone_at: Option<DateTime<Utc>>,
    undone_by: Option<String>,
}

impl From<MergeRow> for ContactMerge {
    fn from(row: MergeRow) -> Self {
        Self {
            id: row.id.into(),
            winner: row.winner_id.into(),
            loser: row.loser_id.into(),
            cause: row.cause,
            actor: row.actor,
            merged_at: row.merged_at,
            undone_at: row.undone_at,
            undone_by: row.undone_by,
        }
    }
}

impl Identities<'_> {
    /// The merge that makes a contact part of another; with what undoing it takes.
    pub(super) async fn active_merge(
        &mut self,
        organization: OrganizationId,
        loser: ContactId,
    ) -> Result<Option<(ContactMerge, Value)>, DbError> {
        let row = sqlx::query!(
            r#"
            SELECT id, winner_id, loser_id, cause, actor, undo, merged_at
            FROM contact_merges
            WHERE organization_id = $1 AND loser_id = $2 AND undone_at IS NULL
            "#,
            organization.as_uuid(),
            loser.as_uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(DbError::of("contact_merges.find"))?;
        Ok(row.map(|row| {
            let merge = ContactMerge {
                id: row.id.into(),
                winner: row.winner_id.into(),
                loser: row.loser_id.into(),
                cause: row.cause,
                actor: row.actor,
                merged_at: row.merged_at,
                undone_at: None,
                undone_by: None,
            };
            (merge, row.undo)
        }))
    }

    /// The merges that make a family.
    pub(super) async fn merges_into(
        &mut self,
        organization: OrganizationId,
        root: ContactId,
    ) -> Result<Vec<Merge>, DbError> {
        let rows = sqlx::query!(
            r#"
            SELECT m.winner_id, m.loser_id
            FROM contacts c
            JOIN contact_merges m
              ON m.organization_id = c.organization_id AND m.loser_id = c.id AND m.undone_at IS NULL
            WHERE c.organization_id = $1 AND c.merged_into = $2
            "#,
            organization.as_uuid(),
            root.as_uuid(),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("contact_merges.family"))?;
        let merges = rows.into_iter().map(|row| Merge {
            winner: row.winner_id.into(),
            loser: row.loser_id.into(),
        });
        Ok(merges.collect())
    }

    pub(super) async fn note_merge(
        &mut self,
        organization: OrganizationId,
        merge: &ContactMerge,
        undo: &Value,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            INSERT INTO contact_merges (organization_id, id, winner_id, loser_id, cause, actor, undo, merged_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            "#,
            organization.as_uuid(),
            merge.id.as_uuid(),
            merge.winner.as_uuid(),
            merge.loser.as_uuid(),
            merge.cause,
            merge.actor,
            undo,
            merge.merged_at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("contact_merges.insert"))
    }

    pub(super) async fn note_undone(
        &mut self,
        organization: OrganizationId,
        merge: ContactMergeId,
        (by, at): (&str, DateTime<Utc>),
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE contact_merges
            SET undone_at = $3, undone_by = $4
            WHERE organization_id = $1 AND id = $2
            "#,
            organization.as_uuid(),
            merge.as_uuid(),
            at,
            by,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("contact_merges.undo"))
    }

    /// Merges that a contact is part of, the latest first.
    pub(crate) async fn list_merges(
        &mut self,
        organization: OrganizationId,
        contact: ContactId,
        (after, limit): (Option<ContactMergeId>, i64),
    ) -> Result<Vec<ContactMerge>, DbError> {
        let rows = sqlx::query_as!(
            MergeRow,
            r#"
            SELECT id, winner_id, loser_id, cause, actor, merged_at, undone_at, undone_by
            FROM contact_merges
            WHERE organization_id = $1 AND (winner_id = $2 OR loser_id = $2) AND ($3::uuid IS NULL OR id < $3)
            ORDER BY id DESC
            LIMIT $4
            "#,
            organization.as_uuid(),
            contact.as_uuid(),
            after.map(Uuid::from),
            limit,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("contact_merges.list"))?;
        Ok(rows.into_iter().map(ContactMerge::from).collect())
    }
}
