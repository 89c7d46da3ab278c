//! Statuses of a batch: kept once, applied to their messages, announced.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sb_db::DbError;
use sb_db::ingest::{AppliedStatus, Ingest, KnownStatus, NewStatus, StatusChange};
use sb_domain::delivery::{DeliveryState, ReportedStatus};
use sb_ids::{MessageId, OrganizationId};

use super::Disposition;
use super::announce::Announcer;
use super::plan::Reported;
use super::store::{Addressee, Stored};

type Key = (OrganizationId, String, String, String);

fn key(status: &KnownStatus) -> Key {
    let KnownStatus {
        organization,
        wamid,
        status,
        recipient,
        ..
    } = status;
    (
        *organization,
        wamid.clone(),
        status.clone(),
        recipient.clone(),
    )
}

fn key_of(status: &Addressee<'_, Reported>) -> Key {
    let Reported {
        wamid,
        status: word,
        recipient,
        ..
    } = status.update;
    (
        status.route.organization,
        wamid.clone(),
        word.clone(),
        recipient.clone(),
    )
}

/// Keeps the statuses, raises their messages, and says what to announce.
pub(crate) async fn write(
    ingest: &mut Ingest<'_>,
    announcer: &Announcer,
    reported: &[Addressee<'_, Reported>],
    stored: &mut Stored,
) -> Result<(), DbError> {
    if reported.is_empty() {
        return Ok(());
    }
    let wanted: Vec<(OrganizationId, Option<MessageId>, String)> = reported
        .iter()
        .map(|s| {
            (
                s.route.organization,
                s.update.echoed,
                s.update.wamid.clone(),
            )
        })
        .collect();
    let matched = ingest.match_statuses(&wanted).await?;
    let rows: Vec<NewStatus> = reported
        .iter()
        .zip(&matched)
        .map(|(s, m)| row(s, *m))
        .collect();
    let new: HashSet<Key> = ingest
        .insert_statuses(&rows)
        .await?
        .iter()
        .map(key)
        .collect();
    let replayed = replayed(ingest, reported, &new).await?;
    let mut changes: HashMap<MessageId, StatusChange> = HashMap::new();
    let mut counted = HashSet::new();
    for (status, applied) in reported.iter().zip(&matched) {
        let key = key_of(status);
        let is_new = new.contains(&key) && counted.insert(key.clone());
        let is_replay = replayed.contains(&(key, status.unit.source.sequence));
        stored
            .dispositions
            .push(disposition(status, is_new, applied.is_some()));
        let Some(applied) = applied.filter(|_| is_new || is_replay) else {
            continue;
        };
        if let Some(known) = status.update.known {
            note(&mut changes, status, applied, known);
        }
        stored.events.push(announcer.status(status, applied)?);
    }
    let mut changes: Vec<StatusChange> = changes.into_values().collect();
    changes.sort_by_key(|c| (c.organization, c.message));
    ingest.apply_statuses(&changes).await?;
    Ok(())
}

fn disposition(status: &Addressee<'_, Reported>, is_new: bool, is_ours: bool) -> Disposition {
    match (is_new, is_ours, status.update.known) {
        (false, _, _) => Disposition::Duplicate,
        // Somebody else's message, or ours before its wamid is known: the row waits for it.
        (true, false, _) => Disposition::Ignored("message.unknown"),
        (true, true, Some(_)) => Disposition::Applied,
        (true, true, None) => Disposition::Kept,
    }
}

/// Statuses that an earlier run of the same envelope kept.
async fn replayed(
    ingest: &mut Ingest<'_>,
    reported: &[Addressee<'_, Reported>],
    new: &HashSet<Key>,
) -> Result<HashSet<(Key, i64)>, DbError> {
    let known: Vec<(OrganizationId, String)> = reported
        .iter()
        .filter(|s| !new.contains(&key_of(s)))
        .map(|s| (s.route.organization, s.update.wamid.clone()))
        .collect();
    let found = ingest.find_statuses(&known).await?;
    Ok(found.iter().map(|s| (key(s), s.source_sequence)).collect())
}

fn row(status: &Addressee<'_, Reported>, applied: Option<AppliedStatus>) -> NewStatus {
    NewStatus {
        organization: status.route.organization,
        wamid: status.update.wamid.clone(),
        status: status.update.status.clone(),
        recipient: status.update.recipient.clone(),
        message: applied.map(|a| a.message),
        at: status.update.at,
        raw_json: status.update.raw_json.clone(),
        source_sequence: status.unit.source.sequence,
        received_at: status.unit.source.received_at,
    }
}

/// Adds a report to what is known about its message.
fn note(
    changes: &mut HashMap<MessageId, StatusChange>,
    status: &Addressee<'_, Reported>,
    applied: AppliedStatus,
    report: ReportedStatus,
) {
    let change = changes
        .entry(applied.message)
        .or_insert_with(|| StatusChange {
            organization: applied.organization,
            message: applied.message,
            wamid: status.update.wamid.clone(),
            state: report.state().as_str(),
            sent_at: None,
            delivered_at: None,
            read_at: None,
            failed_at: None,
            error_code: String::new(),
            error_json: "null".to_owned(),
        });
    let rank = |word: &str| DeliveryState::parse(word).map_or(0, DeliveryState::rank);
    if rank(report.state().as_str()) > rank(change.state) {
        change.state = report.state().as_str();
    }
    let earliest = |known: &mut Option<DateTime<Utc>>| {
        let at = status.update.at;
        *known = Some(known.map_or(at, |known| known.min(at)));
    };
    match report {
        ReportedStatus::Sent => earliest(&mut change.sent_at),
        ReportedStatus::Delivered => earliest(&mut change.delivered_at),
        ReportedStatus::Read | ReportedStatus::Played => earliest(&mut change.read_at),
        ReportedStatus::Failed => {
            earliest(&mut change.failed_at);
            change.error_code.clone_from(&status.update.error_code);
            change.error_json.clone_from(&status.update.error_json);
        }
    }
}
