//! Groups and who is in them. An older word does not undo a newer one.

use chrono::{DateTime, Utc};
use sb_ids::{NumberId, OrganizationId};
use uuid::Uuid;

use super::{Ingest, column};
use crate::DbError;

/// What is told about a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFact {
    /// The tenant.
    pub organization: OrganizationId,
    /// Our number in it.
    pub number: NumberId,
    /// Meta's id.
    pub group_id: String,
    /// Its name, when told.
    pub subject: Option<String>,
    /// Its description, when told.
    pub description: Option<String>,
    /// `active`, `suspended`, `deleted`, when told.
    pub status: Option<&'static str>,
    /// Who joined.
    pub joined: Vec<String>,
    /// Who left.
    pub left: Vec<String>,
    /// When.
    pub at: DateTime<Utc>,
}

impl Ingest<'_> {
    /// Records what is told about a group; repeating it changes nothing.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn tell_group(&mut self, fact: &GroupFact) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            INSERT INTO groups AS g (
                organization_id, number_id, group_id, subject, subject_at, description, description_at, status,
                status_at, created_at)
            VALUES (
                $1, $2, $3, coalesce($4, ''), CASE WHEN $4::text IS NOT NULL THEN $7::timestamptz END,
                coalesce($5, ''), CASE WHEN $5::text IS NOT NULL THEN $7 END, coalesce($6, 'active'),
                CASE WHEN $6::text IS NOT NULL THEN $7 END, $7)
            ON CONFLICT (organization_id, number_id, group_id) DO UPDATE
            SET subject = CASE WHEN excluded.subject_at >= coalesce(g.subject_at, '-infinity')
                    THEN excluded.subject ELSE g.subject END,
                subject_at = greatest(g.subject_at, excluded.subject_at),
                description = CASE WHEN excluded.description_at >= coalesce(g.description_at, '-infinity')
                    THEN excluded.description ELSE g.description END,
                description_at = greatest(g.description_at, excluded.description_at),
                status = CASE WHEN excluded.status_at >= coalesce(g.status_at, '-infinity')
                    THEN excluded.status ELSE g.status END,
                status_at = greatest(g.status_at, excluded.status_at)
            "#,
            fact.organization.as_uuid(),
            fact.number.as_uuid(),
            fact.group_id,
            fact.subject,
            fact.description,
            fact.status,
            fact.at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("groups.tell"))?;
        self.name_groups(
            fact.organization,
            (&[], std::slice::from_ref(&fact.group_id)),
            fact.at,
        )
        .await?;
        self.tell_participants(fact, &fact.joined, true).await?;
        self.tell_participants(fact, &fact.left, false).await
    }

    /// Calls groups by their subjects, as far as these are known. A name the tenant chose is kept.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub(super) async fn name_groups(
        &mut self,
        organization: OrganizationId,
        (contacts, group_ids): (&[Uuid], &[String]),
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE contacts AS c
            SET name = CASE WHEN c.name = c.profile_name THEN g.subject ELSE c.name END,
                profile_name = g.subject,
                updated_at = $4
            FROM contact_identities i
            -- Several of our numbers may be in it, and not all are told of a new subject.
            CROSS JOIN LATERAL (
                SELECT subject FROM groups
                WHERE organization_id = i.organization_id AND group_id = i.value AND subject <> ''
                ORDER BY subject_at DESC NULLS LAST
                LIMIT 1) AS g
            WHERE i.organization_id = $1 AND i.kind = 'group'
                AND (i.contact_id = ANY ($2) OR i.match_key = ANY ($3))
                AND c.organization_id = i.organization_id AND c.id = i.contact_id AND c.profile_name <> g.subject
            "#,
            organization.as_uuid(),
            contacts,
            group_ids,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("groups.name"))
    }

    async fn tell_participants(
        &mut self,
        fact: &GroupFact,
        people: &[String],
        is_member: bool,
    ) -> Result<(), DbError> {
        let mut people = column(people, Clone::clone);
        people.sort();
        people.dedup();
        if people.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            r#"
            INSERT INTO group_participants AS p (
                organization_id, number_id, group_id, participant, is_member, changed_at)
            SELECT $1, $2, $3, who, $5, $6 FROM unnest($4::text[]) AS x (who)
            ON CONFLICT (organization_id, number_id, group_id, participant) DO UPDATE
            SET is_member = excluded.is_member, changed_at = excluded.changed_at
            WHERE p.changed_at <= excluded.changed_at
            "#,
            fact.organization.as_uuid(),
            fact.number.as_uuid(),
            fact.group_id,
            &people,
            is_member,
            fact.at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("group_participants.tell"))
    }
}
