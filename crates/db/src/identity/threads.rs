//! Conversations of contacts that are one person.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sb_domain::identity::{Family, Thread};
use sb_ids::{ContactId, ConversationId, OrganizationId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Identities;
use crate::DbError;

/// What a conversation that goes on takes over from those that do not: until when one may write freely, until when
/// agents keep silent, and who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Duty {
    last_incoming_at: Option<DateTime<Utc>>,
    agent_paused_until: Option<DateTime<Utc>>,
    is_ours: bool,
    owner_role: String,
    owner_at: Option<DateTime<Utc>>,
}

/// A conversation of a family.
#[derive(Debug, Clone)]
pub(super) struct Kin {
    pub(super) thread: Thread,
    pub(super) duty: Duty,
}

/// What a conversation took over in a merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TakenOver {
    conversation: Uuid,
    before: Duty,
    after: Duty,
}

impl Duty {
    fn join(&self, other: &Self) -> Self {
        let owner = if other.owner_at > self.owner_at {
            other
        } else {
            self
        };
        Self {
            last_incoming_at: self.last_incoming_at.max(other.last_incoming_at),
            agent_paused_until: self.agent_paused_until.max(other.agent_paused_until),
            is_ours: owner.is_ours,
            owner_role: owner.owner_role.clone(),
            owner_at: owner.owner_at,
        }
    }

    /// `self` without what was taken over, as far as nothing has changed it since.
    fn without(&self, taken: &TakenOver) -> Self {
        let (before, after) = (&taken.before, &taken.after);
        let owner = if self.owner_at == after.owner_at {
            before
        } else {
            self
        };
        let undone = |now, after, before| if now == after { before } else { now };
        Self {
            last_incoming_at: undone(
                self.last_incoming_at,
                after.last_incoming_at,
                before.last_incoming_at,
            ),
            agent_paused_until: undone(
                self.agent_paused_until,
                after.agent_paused_until,
                before.agent_paused_until,
            ),
            is_ours: owner.is_ours,
            owner_role: owner.owner_role.clone(),
            owner_at: owner.owner_at,
        }
    }
}

impl Identities<'_> {
    /// The conversations of contacts, locked.
    pub(super) async fn kin(
        &mut self,
        organization: OrganizationId,
        contacts: &BTreeSet<ContactId>,
    ) -> Result<Vec<Kin>, DbError> {
        let contacts: Vec<Uuid> = contacts.iter().map(ContactId::as_uuid).collect();
        let rows = sqlx::query!(
            r#"
            SELECT id, number_id, contact_id, coalesce(home_contact_id, contact_id) AS "home!", merged_into,
                   last_incoming_at, agent_paused_until, is_ours, owner_role, owner_at
            FROM conversations
            WHERE organization_id = $1 AND contact_id = ANY($2)
            ORDER BY id
            FOR NO KEY UPDATE
            "#,
            organization.as_uuid(),
            &contacts,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("conversations.kin"))?;
        Ok(rows
            .into_iter()
            .map(|row| Kin {
                thread: Thread {
                    id: row.id.into(),
                    number: row.number_id.into(),
                    contact: row.contact_id.into(),
                    home: row.home.into(),
                    into: row.merged_into.map(ConversationId::from),
                },
                duty: Duty {
                    last_incoming_at: row.last_incoming_at,
                    agent_paused_until: row.agent_paused_until,
                    is_ours: row.is_ours,
                    owner_role: row.owner_role,
                    owner_at: row.owner_at,
                },
            })
            .collect())
    }

    /// Makes conversations what they are in their family; `kin` is kept up to date.
    pub(super) async fn settle(
        &mut self,
        organization: OrganizationId,
        (family, preferred): (&Family, &BTreeSet<ConversationId>),
        kin: &mut [Kin],
    ) -> Result<(), DbError> {
        let threads: Vec<Thread> = kin.iter().map(|kin| kin.thread).collect();
        for thread in family.settle(&threads, preferred) {
            sqlx::query!(
                r#"
                UPDATE conversations
                SET contact_id = $3::uuid, home_contact_id = nullif($4::uuid, $3::uuid), merged_into = $5,
                    link_version = link_version + 1
                WHERE organization_id = $1 AND id = $2
                "#,
                organization.as_uuid(),
                thread.id.as_uuid(),
                thread.contact.as_uuid(),
                thread.home.as_uuid(),
                thread.into.map(Uuid::from),
            )
            .execute(&mut *self.connection)
            .await
            .map_err(DbError::of("conversations.settle"))?;
            if let Some(kin) = kin.iter_mut().find(|kin| kin.thread.id == thread.id) {
                kin.thread = thread;
            }
        }
        Ok(())
    }

    /// What goes on takes over the duties of what does not any more.
    pub(super) async fn take_over(
        &mut self,
        organization: OrganizationId,
        ended: &BTreeSet<ConversationId>,
        kin: &[Kin],
    ) -> Result<Vec<TakenOver>, DbError> {
        let mut taken = Vec::new();
        for live in kin.iter().filter(|kin| kin.thread.into.is_none()) {
            let follows = |kin: &&Kin| {
                kin.thread.into == Some(live.thread.id) && ended.contains(&kin.thread.id)
            };
            let after = kin
                .iter()
                .filter(follows)
                .fold(live.duty.clone(), |duty, kin| duty.join(&kin.duty));
            if after == live.duty {
                continue;
            }
            self.set_duty(organization, live.thread.id, &after).await?;
            taken.push(TakenOver {
                conversation: live.thread.id.as_uuid(),
                before: live.duty.clone(),
                after,
            });
        }
        Ok(taken)
    }

    /// Takes back what conversations took over.
    pub(super) async fn give_back(
        &mut self,
        organization: OrganizationId,
        taken: &[TakenOver],
        kin: &[Kin],
    ) -> Result<(), DbError> {
        for taken in taken {
            let is_it = |kin: &&Kin| kin.thread.id.as_uuid() == taken.conversation;
            if let Some(kin) = kin.iter().find(is_it) {
                let duty = kin.duty.without(taken);
                self.set_duty(organization, kin.thread.id, &duty).await?;
            }
        }
        Ok(())
    }

    async fn set_duty(
        &mut self,
        organization: OrganizationId,
        conversation: ConversationId,
        duty: &Duty,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE conversations
            SET last_incoming_at = $3, agent_paused_until = $4, is_ours = $5, owner_role = $6, owner_at = $7
            WHERE organization_id = $1 AND id = $2
            "#,
            organization.as_uuid(),
            conversation.as_uuid(),
            duty.last_incoming_at,
            duty.agent_paused_until,
            duty.is_ours,
            duty.owner_role,
            duty.owner_at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("conversations.set_duty"))
    }
}
