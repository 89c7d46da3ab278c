//! Statuses that came before the message was known by its wamid.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sb_db::dispatch::AdoptedStatus;
use sb_db::ingest::StatusChange;
use sb_db::{DbError, SystemTx};
use sb_domain::delivery::{DeliveryState, ReportedStatus};
use sb_events::Addressed;
use sb_ids::{MessageId, OrganizationId, Wamid};
use serde_json::Value;

use super::Tools;

/// Gives messages the statuses that were kept for them, and returns what is to be announced.
pub(super) async fn adopt(
    tools: &Tools,
    tx: &mut SystemTx,
    messages: &[(OrganizationId, MessageId, Wamid)],
) -> Result<Vec<(OrganizationId, Addressed)>, DbError> {
    let adopted = tx.dispatch().adopt_statuses(messages).await?;
    if adopted.is_empty() {
        return Ok(Vec::new());
    }
    tx.ingest().apply_statuses(&changes(&adopted)).await?;
    adopted
        .iter()
        .map(|status| {
            let event = tools.announcer.status(status)?;
            Ok((status.outgoing.organization, event))
        })
        .collect()
}

/// What the statuses together say about each message.
fn changes(adopted: &[AdoptedStatus]) -> Vec<StatusChange> {
    let mut changes: BTreeMap<MessageId, StatusChange> = BTreeMap::new();
    for status in adopted {
        let Some(report) = ReportedStatus::parse(&status.status) else {
            continue;
        };
        let change = changes
            .entry(status.outgoing.message)
            .or_insert_with(|| StatusChange {
                organization: status.outgoing.organization,
                message: status.outgoing.message,
                wamid: status.wamid.clone(),
                state: report.state().as_str(),
                sent_at: None,
                delivered_at: None,
                read_at: None,
                failed_at: None,
                error_code: String::new(),
                error_json: "null".to_owned(),
            });
        note(change, status, report);
    }
    changes.into_values().collect()
}

fn note(change: &mut StatusChange, status: &AdoptedStatus, report: ReportedStatus) {
    let rank = |word: &str| DeliveryState::parse(word).map_or(0, DeliveryState::rank);
    if report.state().rank() > rank(change.state) {
        change.state = report.state().as_str();
    }
    let earliest = |known: &mut Option<DateTime<Utc>>| {
        *known = Some(known.map_or(status.at, |known| known.min(status.at)));
    };
    match report {
        ReportedStatus::Sent => earliest(&mut change.sent_at),
        ReportedStatus::Delivered => earliest(&mut change.delivered_at),
        ReportedStatus::Read | ReportedStatus::Played => earliest(&mut change.read_at),
        ReportedStatus::Failed => {
            earliest(&mut change.failed_at);
            let error = status.raw.pointer("/errors/0").unwrap_or(&Value::Null);
            let code = error.get("code").and_then(Value::as_i64);
            change.error_code =
                code.map_or_else(|| "meta.unknown".to_owned(), |code| format!("meta.{code}"));
            change.error_json = error.to_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use sb_db::dispatch::OutgoingRef;
    use serde_json::json;

    use super::*;

    fn status(word: &str, seconds: i64, raw: Value) -> AdoptedStatus {
        let nil = uuid::Uuid::nil();
        AdoptedStatus {
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
            at: DateTime::from_timestamp(seconds, 0).unwrap(),
            raw,
        }
    }

    #[test]
    fn the_furthest_report_counts_and_each_keeps_its_time() {
        let adopted = [
            status("read", 30, Value::Null),
            status("sent", 10, Value::Null),
            status("delivered", 20, Value::Null),
            status("teleported", 40, Value::Null),
        ];
        let changes = changes(&adopted);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].state, "read");
        let seconds = |at: Option<DateTime<Utc>>| at.unwrap().timestamp();
        assert_eq!(seconds(changes[0].sent_at), 10);
        assert_eq!(seconds(changes[0].delivered_at), 20);
        assert_eq!(seconds(changes[0].read_at), 30);
    }

    #[test]
    fn a_failure_keeps_metas_error() {
        let raw = json!({"errors": [{"code": 131_026, "title": "t"}]});
        let changes = changes(&[status("failed", 10, raw)]);
        assert_eq!(changes[0].error_code, "meta.131026");
        assert_eq!(changes[0].error_json, r#"{"code":131026,"title":"t"}"#);
    }
}
