//! Statuses: each is kept once, and raises its message's state if it says more than is known.

#![expect(
    clippy::as_conversions,
    reason = "the query macros name the type of a nullable array with `as`"
)]

use chrono::{DateTime, Utc};
use sb_events::MessagePlace;
use sb_ids::{ContactId, ConversationId, MessageId, NumberId, OrganizationId};
use uuid::Uuid;

use super::{Ingest, column};
use crate::DbError;

/// A status as Meta reported it.
#[derive(Debug, Clone)]
pub struct NewStatus {
    /// The tenant.
    pub organization: OrganizationId,
    /// The message's wamid.
    pub wamid: String,
    /// Meta's word; known ones change the message's state.
    pub status: String,
    /// The participant, in groups; empty otherwise.
    pub recipient: String,
    /// Our message, when Meta echoed its id and it exists, or the wamid is known.
    pub message: Option<MessageId>,
    /// Meta's timestamp.
    pub at: DateTime<Utc>,
    /// The status object, without NUL characters.
    pub raw_json: String,
    /// Where its post is in UPDATES.
    pub source_sequence: i64,
    /// When its post arrived.
    pub received_at: DateTime<Utc>,
}

/// A status that was there already.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KnownStatus {
    /// The tenant.
    pub organization: OrganizationId,
    /// The message's wamid.
    pub wamid: String,
    /// Meta's word.
    pub status: String,
    /// The participant.
    pub recipient: String,
    /// Where the post it came in is in UPDATES.
    pub source_sequence: i64,
}

/// The message a status belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedStatus {
    /// The tenant.
    pub organization: OrganizationId,
    /// The message.
    pub message: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Its contact.
    pub contact: ContactId,
    /// Its number.
    pub number: NumberId,
    /// Its place.
    pub sequence: i64,
}

impl AppliedStatus {
    /// Where the message is, for events.
    pub const fn place(&self) -> MessagePlace {
        MessagePlace {
            message: self.message,
            conversation: self.conversation,
            contact: self.contact,
            number: self.number,
            sequence: self.sequence,
        }
    }
}

impl Ingest<'_> {
    /// Our messages whose id Meta echoed, or whose wamid is known; `None` where there is none. The wamid of
    /// an echoed one must agree if it has one already.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn match_statuses(
        &mut self,
        wanted: &[(OrganizationId, Option<MessageId>, String)],
    ) -> Result<Vec<Option<AppliedStatus>>, DbError> {
        let organizations: Vec<Uuid> = wanted.iter().map(|w| w.0.as_uuid()).collect();
        let echoed: Vec<Option<Uuid>> = wanted.iter().map(|w| w.1.map(Uuid::from)).collect();
        let wamids: Vec<String> = wanted.iter().map(|w| w.2.clone()).collect();
        let rows = sqlx::query!(
            r#"
            SELECT w.place AS "place!", m.organization_id, m.id, m.conversation_id, m.contact_id, m.number_id,
                   m.sequence
            FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS w (o, e, w, place)
            JOIN messages m ON m.organization_id = w.o AND m.id = w.e
             AND m.direction = 'outgoing' AND (m.wamid IS NULL OR m.wamid = w.w)
            UNION ALL
            SELECT w.place AS "place!", m.organization_id, m.id, m.conversation_id, m.contact_id, m.number_id,
                   m.sequence
            FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS w (o, e, w, place)
            JOIN messages m ON m.organization_id = w.o AND m.wamid = w.w
            WHERE w.e IS NULL OR m.id <> w.e
            "#,
            &organizations,
            &echoed as &[Option<Uuid>],
            &wamids,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("messages.match_statuses"))?;
        let mut matched = vec![None; wanted.len()];
        for row in rows {
            let place = usize::try_from(row.place).unwrap_or(0).saturating_sub(1);
            if let (Some(slot), Some(organization), Some(id)) =
                (matched.get_mut(place), row.organization_id, row.id)
            {
                *slot = Some(AppliedStatus {
                    organization: organization.into(),
                    message: id.into(),
                    conversation: row.conversation_id.unwrap_or_default().into(),
                    contact: row.contact_id.unwrap_or_default().into(),
                    number: row.number_id.unwrap_or_default().into(),
                    sequence: row.sequence.unwrap_or_default(),
                });
            }
        }
        Ok(matched)
    }

    /// Keeps statuses; those that are known are left out. Returns the keys of the new ones.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn insert_statuses(
        &mut self,
        statuses: &[NewStatus],
    ) -> Result<Vec<KnownStatus>, DbError> {
        if statuses.is_empty() {
            return Ok(Vec::new());
        }
        let mut sorted: Vec<&NewStatus> = statuses.iter().collect();
        sorted.sort_by(|a, b| {
            (a.organization, &a.wamid, &a.status).cmp(&(b.organization, &b.wamid, &b.status))
        });
        let rows = sqlx::query!(
            r#"
            INSERT INTO message_statuses (
                organization_id, wamid, status, recipient, message_id, status_at, raw, source_sequence, received_at)
            SELECT o, w, s, p, m, t, j::jsonb, q, r
            FROM unnest(
                $1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[], $7::text[],
                $8::bigint[], $9::timestamptz[]) AS x (o, w, s, p, m, t, j, q, r)
            ON CONFLICT (organization_id, wamid, status, recipient) DO NOTHING
            RETURNING organization_id, wamid, status, recipient, source_sequence
            "#,
            &column(&sorted, |s: &&NewStatus| s.organization.as_uuid()),
            &column(&sorted, |s: &&NewStatus| s.wamid.clone()),
            &column(&sorted, |s: &&NewStatus| s.status.clone()),
            &column(&sorted, |s: &&NewStatus| s.recipient.clone()),
            &column(&sorted, |s: &&NewStatus| s.message.map(Uuid::from)) as &[Option<Uuid>],
            &column(&sorted, |s: &&NewStatus| s.at),
            &column(&sorted, |s: &&NewStatus| s.raw_json.clone()),
            &column(&sorted, |s: &&NewStatus| s.source_sequence),
            &column(&sorted, |s: &&NewStatus| s.received_at),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("message_statuses.insert"))?;
        Ok(rows
            .into_iter()
            .map(|r| KnownStatus {
                organization: r.organization_id.into(),
                wamid: r.wamid,
                status: r.status,
                recipient: r.recipient,
                source_sequence: r.source_sequence,
            })
            .collect())
    }

    /// The kept statuses with these wamids.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn find_statuses(
        &mut self,
        wamids: &[(OrganizationId, String)],
    ) -> Result<Vec<KnownStatus>, DbError> {
        if wamids.is_empty() {
            return Ok(Vec::new());
        }
        let organizations: Vec<Uuid> = wamids.iter().map(|(o, _)| o.as_uuid()).collect();
        let values: Vec<String> = wamids.iter().map(|(_, w)| w.clone()).collect();
        let rows = sqlx::query!(
            r#"
            SELECT s.organization_id, s.wamid, s.status, s.recipient, s.source_sequence
            FROM unnest($1::uuid[], $2::text[]) AS w (o, w)
            JOIN message_statuses s ON s.organization_id = w.o AND s.wamid = w.w
            "#,
            &organizations,
            &values,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("message_statuses.find"))?;
        Ok(rows
            .into_iter()
            .map(|r| KnownStatus {
                organization: r.organization_id.into(),
                wamid: r.wamid,
                status: r.status,
                recipient: r.recipient,
                source_sequence: r.source_sequence,
            })
            .collect())
    }
}
