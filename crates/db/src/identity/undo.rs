//! Making one person two contacts again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sb_domain::identity::Family;
use sb_events::proto::contact::v1::ContactUnmerged;
use sb_events::{Origin, meta};
use sb_ids::{ContactId, ConversationId, EventId, OrganizationId};
use uuid::Uuid;

use super::merge::Undo;
use super::{ContactMerge, Identities};
use crate::{DbError, outbox};

impl Identities<'_> {
    /// Undoes the merge that made a contact part of another; `None` when there is none. What was said and learned
    /// since stays with the contact that stood for both.
    pub(crate) async fn unmerge(
        &mut self,
        organization: OrganizationId,
        loser: ContactId,
        (by, at): (&str, DateTime<Utc>),
    ) -> Result<Option<ContactMerge>, DbError> {
        let Some(root) = self.lock_family(organization, loser).await? else {
            return Ok(None);
        };
        let Some((merge, undo)) = self.active_merge(organization, loser).await? else {
            return Ok(None);
        };
        let undo: Undo = serde_json::from_value(undo).map_err(|_| DbError::Inconsistent {
            table: "contact_merges",
            column: "undo",
            id: merge.id.as_uuid(),
        })?;
        let merges = self.merges_into(organization, root).await?;
        let everybody = Family::of(root, &merges);
        let own: Vec<_> = merges
            .into_iter()
            .filter(|known| known.loser != loser)
            .collect();
        let (leaving, staying) = (Family::of(loser, &own), Family::of(root, &own));
        let mut kin = self.kin(organization, everybody.members()).await?;
        self.give_back(organization, &undo.taken_over, &kin).await?;
        self.release(organization, (root, loser), &leaving, at)
            .await?;
        let went_on: BTreeSet<ConversationId> =
            undo.went_on.into_iter().map(ConversationId::from).collect();
        self.settle(organization, (&leaving, &went_on), &mut kin)
            .await?;
        self.settle(organization, (&staying, &BTreeSet::new()), &mut kin)
            .await?;
        let both = BTreeSet::from([(organization, root), (organization, loser)]);
        self.leave(&both).await?;
        self.note_undone(organization, merge.id, (by, at)).await?;
        let event = ContactUnmerged {
            meta: Some(meta(
                EventId::derive(merge.id.as_uuid(), "contact.unmerged"),
                at,
                organization,
                Origin::start(merge.id.as_uuid()),
            )),
            contact_id: root.to_string(),
            unmerged_contact_id: loser.to_string(),
            merge_id: merge.id.to_string(),
        };
        let event = (organization, self.address(&event)?);
        outbox::append(self.connection, &[event], at).await?;
        Ok(Some(ContactMerge {
            undone_at: Some(at),
            undone_by: Some(by.to_owned()),
            ..merge
        }))
    }

    /// The contact that stands for a merged one, both locked in the order of their ids.
    async fn lock_family(
        &mut self,
        organization: OrganizationId,
        loser: ContactId,
    ) -> Result<Option<ContactId>, DbError> {
        let root = sqlx::query_scalar!(
            "SELECT merged_into FROM contacts WHERE organization_id = $1 AND id = $2",
            organization.as_uuid(),
            loser.as_uuid(),
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(DbError::of("contacts.find_root"))?
        .flatten();
        let Some(root) = root.map(ContactId::from) else {
            return Ok(None);
        };
        self.stand(organization, root.min(loser)).await?;
        self.stand(organization, root.max(loser)).await?;
        // Somebody may have been faster; then this caller tries again with what is so now.
        let now = self.stand(organization, loser).await?;
        Ok(now
            .and_then(|standing| standing.merged_into)
            .filter(|now| *now == root))
    }

    /// Gives contacts and identities back.
    async fn release(
        &mut self,
        organization: OrganizationId,
        (root, loser): (ContactId, ContactId),
        leaving: &Family,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        let members: Vec<Uuid> = leaving.members().iter().map(ContactId::as_uuid).collect();
        sqlx::query!(
            r#"
            UPDATE contacts
            SET merged_into = nullif($3, id), updated_at = greatest(updated_at, $4)
            WHERE organization_id = $1 AND id = ANY($2)
            "#,
            organization.as_uuid(),
            &members,
            loser.as_uuid(),
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("contacts.unmerge"))?;
        sqlx::query!(
            r#"
            UPDATE contact_identities
            SET contact_id = $3, home_contact_id = nullif(home_contact_id, $3)
            WHERE organization_id = $1 AND contact_id = $2 AND home_contact_id = ANY($4)
            "#,
            organization.as_uuid(),
            root.as_uuid(),
            loser.as_uuid(),
            &members,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("contact_identities.unmerge"))
    }
}
