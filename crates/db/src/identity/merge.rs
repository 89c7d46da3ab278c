//! Making two contacts one person.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound as _, Utc};
use sb_domain::identity::{Family, Merge};
use sb_events::proto::contact::v1::ContactMerged;
use sb_events::{Origin, meta};
use sb_ids::{AuditId, ContactId, ContactMergeId, ConversationId, EventId, OrganizationId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::threads::TakenOver;
use super::{ContactMerge, Identities, MergeCause};
use crate::{DbError, outbox};

/// Who is to be merged into whom.
#[derive(Debug, Clone, Copy)]
pub struct MergeRequest<'a> {
    /// Who stands for both from now on.
    pub winner: ContactId,
    /// Who is merged into it.
    pub loser: ContactId,
    /// Why.
    pub cause: MergeCause,
    /// Who wants it.
    pub actor: &'a str,
}

/// What became of a request to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeOutcome {
    /// They are one person now.
    Merged(ContactMerge),
    /// They were one person before, by this merge.
    Known(ContactMerge),
    /// One of them is not there.
    Missing,
    /// One of them is part of somebody else, or a group, or both are the same.
    Refused(&'static str),
}

/// What it takes to undo a merge.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Undo {
    /// The loser's conversations that went on before.
    pub(super) went_on: BTreeSet<Uuid>,
    /// What conversations took over.
    pub(super) taken_over: Vec<TakenOver>,
}

/// A contact as far as merging looks at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) merged_into: Option<ContactId>,
    is_person: bool,
}

impl Identities<'_> {
    /// Locks a contact.
    pub(super) async fn stand(
        &mut self,
        organization: OrganizationId,
        contact: ContactId,
    ) -> Result<Option<Standing>, DbError> {
        let row = sqlx::query!(
            "SELECT merged_into, kind FROM contacts WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
            organization.as_uuid(),
            contact.as_uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(DbError::of("contacts.lock"))?;
        Ok(row.map(|row| Standing {
            merged_into: row.merged_into.map(ContactId::from),
            is_person: row.kind == "person",
        }))
    }

    /// Makes two contacts one. May be repeated: what is one already stays so.
    pub(crate) async fn merge(
        &mut self,
        organization: OrganizationId,
        request: &MergeRequest<'_>,
        at: DateTime<Utc>,
    ) -> Result<MergeOutcome, DbError> {
        let MergeRequest { winner, loser, .. } = *request;
        // As exact as the database keeps it, so that who repeats the request gets the same answer.
        let at = at.trunc_subsecs(6);
        if winner == loser {
            return Ok(MergeOutcome::Refused("a contact is not merged into itself"));
        }
        // In one order, whoever is merged into whom.
        let first = self.stand(organization, winner.min(loser)).await?;
        let second = self.stand(organization, winner.max(loser)).await?;
        let (Some(first), Some(second)) = (first, second) else {
            return Ok(MergeOutcome::Missing);
        };
        let (of_winner, of_loser) = if winner < loser {
            (first, second)
        } else {
            (second, first)
        };
        if of_loser.merged_into == Some(winner) {
            let known = self.active_merge(organization, loser).await?;
            return Ok(known.map_or(MergeOutcome::Missing, |(merge, _)| {
                MergeOutcome::Known(merge)
            }));
        }
        if of_winner.merged_into.is_some() || of_loser.merged_into.is_some() {
            return Ok(MergeOutcome::Refused(
                "one of them is part of another contact: name that one, or unmerge it first",
            ));
        }
        if !of_winner.is_person || !of_loser.is_person {
            return Ok(MergeOutcome::Refused("a group is not merged"));
        }
        let merge = ContactMerge {
            id: ContactMergeId::new(at),
            winner,
            loser,
            cause: request.cause.as_str().to_owned(),
            actor: request.actor.to_owned(),
            merged_at: at,
            undone_at: None,
            undone_by: None,
        };
        self.carry_out(organization, &merge, at).await?;
        Ok(MergeOutcome::Merged(merge))
    }

    async fn carry_out(
        &mut self,
        organization: OrganizationId,
        merge: &ContactMerge,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        let (winner, loser) = (merge.winner, merge.loser);
        let mut merges = self.merges_into(organization, winner).await?;
        merges.extend(self.merges_into(organization, loser).await?);
        merges.push(Merge { winner, loser });
        let family = Family::of(winner, &merges);
        self.point(organization, (winner, loser), at).await?;
        let mut kin = self.kin(organization, family.members()).await?;
        let went_on: BTreeSet<ConversationId> = kin
            .iter()
            .filter(|kin| kin.thread.contact == loser && kin.thread.into.is_none())
            .map(|kin| kin.thread.id)
            .collect();
        let all_before: BTreeSet<ConversationId> = kin
            .iter()
            .filter(|kin| kin.thread.into.is_none())
            .map(|kin| kin.thread.id)
            .collect();
        let of = (&family, &BTreeSet::new());
        self.settle(organization, of, &mut kin).await?;
        let taken_over = self.take_over(organization, &all_before, &kin).await?;
        let undo = Undo {
            went_on: went_on.iter().map(ConversationId::as_uuid).collect(),
            taken_over,
        };
        let undo = serde_json::to_value(&undo).unwrap_or(Value::Null);
        self.note_merge(organization, merge, &undo).await?;
        if merge.cause == MergeCause::Rule.as_str() {
            self.audit(organization, merge, at).await?;
        }
        let event = ContactMerged {
            meta: Some(meta(
                EventId::derive(merge.id.as_uuid(), "contact.merged"),
                at,
                organization,
                Origin::start(merge.id.as_uuid()),
            )),
            contact_id: winner.to_string(),
            merged_contact_id: loser.to_string(),
            merge_id: merge.id.to_string(),
            cause: merge.cause.clone(),
        };
        let event = (organization, self.address(&event)?);
        outbox::append(self.connection, &[event], at).await
    }

    /// Contacts and identities of the loser become the winner's.
    async fn point(
        &mut self,
        organization: OrganizationId,
        (winner, loser): (ContactId, ContactId),
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE contacts
            SET merged_into = $3, updated_at = greatest(updated_at, $4)
            WHERE organization_id = $1 AND (id = $2 OR merged_into = $2)
            "#,
            organization.as_uuid(),
            loser.as_uuid(),
            winner.as_uuid(),
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("contacts.merge"))?;
        sqlx::query!(
            r#"
            UPDATE contact_identities
            SET home_contact_id = coalesce(home_contact_id, contact_id), contact_id = $3
            WHERE organization_id = $1 AND contact_id = $2
            "#,
            organization.as_uuid(),
            loser.as_uuid(),
            winner.as_uuid(),
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("contact_identities.merge"))
    }

    /// What nobody asked for is in the audit log too.
    async fn audit(
        &mut self,
        organization: OrganizationId,
        merge: &ContactMerge,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        let detail = json!({ "merged_contact_id": merge.loser, "merge_id": merge.id });
        sqlx::query!(
            r#"
            INSERT INTO audit_log (
                organization_id, id, actor_kind, actor_id, action, target_kind, target_id, detail, created_at)
            VALUES ($1, $2, 'system', $3, 'contacts.merge', 'contact', $4, $5, $6)
            "#,
            organization.as_uuid(),
            AuditId::new(at).as_uuid(),
            merge.actor,
            merge.winner.to_string(),
            detail,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("audit_log.append"))
    }
}
