//! What statuses say about messages: the state only rises, whatever the order in which they come.

#![expect(
    clippy::as_conversions,
    reason = "the query macros name the type of a nullable array with `as`"
)]

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sb_domain::delivery::ReportedStatus;
use sb_ids::{MessageId, OrganizationId};
use serde_json::Value;

use super::{Ingest, column};
use crate::DbError;
use crate::dispatch::AdoptedStatus;

/// What several statuses together say about one message.
#[derive(Debug, Clone)]
pub struct StatusChange {
    /// The tenant.
    pub organization: OrganizationId,
    /// The message.
    pub message: MessageId,
    /// Its wamid: recorded if the answer that carried it was lost.
    pub wamid: String,
    furthest: ReportedStatus,
    sent_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    read_at: Option<DateTime<Utc>>,
    played_at: Option<DateTime<Utc>>,
    failed_at: Option<DateTime<Utc>>,
    error_code: String,
    error: Value,
    pricing: Option<(u8, Value)>,
}

/// One report: what happened when, why it failed, what it costs.
#[derive(Debug, Clone)]
pub struct Report<'r> {
    /// What happened.
    pub status: ReportedStatus,
    /// When.
    pub at: DateTime<Utc>,
    /// Meta's status object.
    pub raw: &'r Value,
}

impl StatusChange {
    /// The first report about a message.
    fn begin(
        organization: OrganizationId,
        message: MessageId,
        wamid: &str,
        report: &Report<'_>,
    ) -> Self {
        let mut change = Self {
            organization,
            message,
            wamid: wamid.to_owned(),
            furthest: report.status,
            sent_at: None,
            delivered_at: None,
            read_at: None,
            played_at: None,
            failed_at: None,
            error_code: String::new(),
            error: Value::Null,
            pricing: None,
        };
        change.add(report);
        change
    }

    /// One more report about it.
    fn add(&mut self, report: &Report<'_>) {
        let rank = report.status.state().rank();
        if rank > self.furthest.state().rank() {
            self.furthest = report.status;
        }
        let known = match report.status {
            ReportedStatus::Sent => &mut self.sent_at,
            ReportedStatus::Delivered => &mut self.delivered_at,
            ReportedStatus::Read => &mut self.read_at,
            ReportedStatus::Played => &mut self.played_at,
            ReportedStatus::Failed => &mut self.failed_at,
        };
        *known = Some(known.map_or(report.at, |known| known.min(report.at)));
        if report.status == ReportedStatus::Failed {
            self.error = report.raw.pointer("/errors/0").cloned().unwrap_or_default();
            let code = self.error.get("code").and_then(Value::as_i64);
            self.error_code =
                code.map_or_else(|| "meta.unknown".to_owned(), |code| format!("meta.{code}"));
        }
        // Groups have it inside of the conversation.
        let pricing = report.raw.get("pricing");
        let pricing = pricing.or_else(|| report.raw.pointer("/conversation/pricing"));
        if let Some(pricing) = pricing.filter(|pricing| pricing.is_object())
            && self
                .pricing
                .as_ref()
                .is_none_or(|(known, _)| *known <= rank)
        {
            self.pricing = Some((rank, pricing.clone()));
        }
    }

    /// The furthest state reported.
    pub const fn state(&self) -> &'static str {
        self.furthest.as_str()
    }
}

/// Reports of several messages, gathered by message.
#[derive(Debug, Default)]
pub struct StatusChanges(BTreeMap<(OrganizationId, MessageId), StatusChange>);

impl StatusChanges {
    /// Adds a report about a message.
    pub fn add(
        &mut self,
        (organization, message): (OrganizationId, MessageId),
        wamid: &str,
        report: &Report<'_>,
    ) {
        self.0
            .entry((organization, message))
            .and_modify(|change| change.add(report))
            .or_insert_with(|| StatusChange::begin(organization, message, wamid, report));
    }

    /// Adds what was kept for messages; words that are not known say nothing about their state.
    pub fn add_adopted(&mut self, adopted: &[AdoptedStatus]) {
        for status in adopted {
            let Some(word) = ReportedStatus::parse(&status.status) else {
                continue;
            };
            let report = Report {
                status: word,
                at: status.at,
                raw: &status.raw,
            };
            let key = (status.outgoing.organization, status.outgoing.message);
            self.add(key, &status.wamid, &report);
        }
    }

    /// The changes, in the order in which rows are locked.
    pub fn into_changes(self) -> Vec<StatusChange> {
        self.0.into_values().collect()
    }
}

impl Ingest<'_> {
    /// Raises messages to what was reported. Applying the same again changes nothing. Returns the messages
    /// whose state moved.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn apply_statuses(
        &mut self,
        changes: &[StatusChange],
    ) -> Result<Vec<MessageId>, DbError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query!(
            r#"
            UPDATE messages m
            SET state = CASE WHEN sb_delivery_rank(w.state) > sb_delivery_rank(m.state) THEN w.state ELSE m.state END,
                wamid = coalesce(m.wamid, w.wamid),
                sent_at = least(m.sent_at, w.sent_at),
                delivered_at = least(m.delivered_at, w.delivered_at),
                read_at = least(m.read_at, w.read_at),
                played_at = least(m.played_at, w.played_at),
                failed_at = least(m.failed_at, w.failed_at),
                -- What arrived has no error, whatever was reported before or is reported after.
                error_code = CASE
                    WHEN greatest(sb_delivery_rank(w.state), sb_delivery_rank(m.state)) > sb_delivery_rank('failed')
                        THEN NULL
                    WHEN w.error_code = '' THEN m.error_code
                    ELSE w.error_code END,
                error = CASE
                    WHEN greatest(sb_delivery_rank(w.state), sb_delivery_rank(m.state)) > sb_delivery_rank('failed')
                        THEN NULL
                    WHEN w.error_code = '' THEN m.error
                    ELSE w.error::jsonb END,
                pricing = CASE WHEN w.pricing_rank >= coalesce(m.pricing_rank, 0) THEN w.pricing::jsonb
                    ELSE m.pricing END,
                pricing_rank = greatest(m.pricing_rank, w.pricing_rank),
                next_attempt_at = NULL
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::smallint[],
                $13::text[])
                AS w (o, i, wamid, state, sent_at, delivered_at, read_at, played_at, failed_at, error_code, error,
                      pricing_rank, pricing)
            WHERE m.organization_id = w.o AND m.id = w.i
            RETURNING m.id, (m.state = w.state) AS "moved!"
            "#,
            &column(changes, |c| c.organization.as_uuid()),
            &column(changes, |c| c.message.as_uuid()),
            &column(changes, |c| c.wamid.clone()),
            &column(changes, |c| c.state().to_owned()),
            &column(changes, |c| c.sent_at) as &[Option<DateTime<Utc>>],
            &column(changes, |c| c.delivered_at) as &[Option<DateTime<Utc>>],
            &column(changes, |c| c.read_at) as &[Option<DateTime<Utc>>],
            &column(changes, |c| c.played_at) as &[Option<DateTime<Utc>>],
            &column(changes, |c| c.failed_at) as &[Option<DateTime<Utc>>],
            &column(changes, |c| c.error_code.clone()),
            &column(changes, |c| c.error.to_string()),
            &column(changes, |c| c.pricing.as_ref().map(|(rank, _)| i16::from(*rank))) as &[Option<i16>],
            &column(changes, |c| c.pricing.as_ref().map(|(_, pricing)| pricing.to_string())) as &[Option<String>],
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("messages.apply_statuses"))?;
        let moved = rows.into_iter().filter(|row| row.moved);
        Ok(moved.map(|row| row.id.into()).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dispatch::OutgoingRef;

    fn change(reports: &[(ReportedStatus, i64, Value)]) -> StatusChange {
        let nil = uuid::Uuid::nil();
        let mut change: Option<StatusChange> = None;
        for (status, seconds, raw) in reports {
            let report = Report {
                status: *status,
                at: DateTime::from_timestamp(*seconds, 0).unwrap(),
                raw,
            };
            match &mut change {
                Some(change) => change.add(&report),
                None => {
                    change = Some(StatusChange::begin(
                        nil.into(),
                        nil.into(),
                        "wamid.1",
                        &report,
                    ));
                }
            }
        }
        change.unwrap()
    }

    #[test]
    fn the_furthest_report_counts_and_each_keeps_its_time() {
        let change = change(&[
            (ReportedStatus::Read, 30, Value::Null),
            (ReportedStatus::Sent, 10, Value::Null),
            (ReportedStatus::Delivered, 20, Value::Null),
            (ReportedStatus::Delivered, 25, Value::Null),
        ]);
        assert_eq!(change.state(), "read");
        let seconds = |at: Option<DateTime<Utc>>| at.unwrap().timestamp();
        assert_eq!(seconds(change.sent_at), 10);
        assert_eq!(seconds(change.delivered_at), 20);
        assert_eq!(seconds(change.read_at), 30);
    }

    #[test]
    fn words_that_are_not_known_say_nothing_about_the_state() {
        let nil = uuid::Uuid::nil();
        let adopted = ["read", "teleported"].map(|word| AdoptedStatus {
            outgoing: OutgoingRef {
                organization: nil.into(),
                message: nil.into(),
                conversation: nil.into(),
                contact: nil.into(),
                number: nil.into(),
                sequence: 1,
            },
            wamid: "wamid.1".to_owned(),
            status: word.to_owned(),
            recipient: String::new(),
            at: DateTime::UNIX_EPOCH,
            raw: Value::Null,
        });
        let mut changes = StatusChanges::default();
        changes.add_adopted(&adopted);
        let states: Vec<_> = changes
            .into_changes()
            .iter()
            .map(StatusChange::state)
            .collect();
        assert_eq!(states, ["read"]);
    }

    #[test]
    fn a_failure_keeps_metas_error() {
        let raw = json!({"errors": [{"code": 131_026, "title": "t"}]});
        let change = change(&[(ReportedStatus::Failed, 10, raw)]);
        assert_eq!(change.error_code, "meta.131026");
        assert_eq!(change.error, json!({"code": 131_026, "title": "t"}));
    }

    #[test]
    fn the_price_of_the_later_report_counts_in_any_order() {
        let price = |kind: &str| json!({ "pricing": { "type": kind } });
        let mut reports = vec![
            (ReportedStatus::Sent, 1, price("regular")),
            (ReportedStatus::Delivered, 2, price("free_customer_service")),
            (ReportedStatus::Read, 3, json!({})),
        ];
        for _ in 0..2 {
            let (_, pricing) = change(&reports).pricing.unwrap();
            assert_eq!(pricing, json!({ "type": "free_customer_service" }));
            reports.reverse();
        }
    }
}
