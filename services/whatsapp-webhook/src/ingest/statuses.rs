//! Statuses of a batch: kept once, applied to their messages, announced.

use std::collections::HashSet;

use sb_db::ingest::{AppliedStatus, Ingest, KnownStatus, NewStatus, Report, StatusChanges};
use sb_db::{DbError, SystemTx};
use sb_ids::{MessageId, OrganizationId, Wamid};
use serde_json::Value;

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
    let mut changes = StatusChanges::default();
    let mut counted = HashSet::new();
    for (status, applied) in reported.iter().zip(&matched) {
        let key = key_of(status);
        let is_new = new.contains(&key) && counted.insert(key.clone());
        let source = &status.unit.source;
        let is_replay = if source.is_set_aside {
            // Stored by whichever run: it may not have come to announce it.
            replayed.iter().any(|(known, _)| *known == key)
        } else {
            replayed.contains(&(key, source.sequence))
        };
        stored
            .dispositions
            .push(disposition(status, is_new, applied.is_some()));
        let Some(applied) = applied.filter(|_| is_new || is_replay) else {
            continue;
        };
        if let Some(word) = status.update.known {
            let raw: Value = serde_json::from_str(&status.update.raw_json).unwrap_or_default();
            let report = Report {
                status: word,
                at: status.update.at,
                raw: &raw,
            };
            let key = (applied.organization, applied.message);
            changes.add(key, &status.update.wamid, &report);
        }
        stored.events.push(announcer.status(status, applied)?);
    }
    ingest.apply_statuses(&changes.into_changes()).await?;
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

/// Gives messages that were sent elsewhere the statuses that came before them.
pub(crate) async fn adopt(
    tx: &mut SystemTx,
    announcer: &Announcer,
    messages: &[(OrganizationId, MessageId, Wamid)],
    stored: &mut Stored,
) -> Result<(), DbError> {
    let adopted = tx.dispatch().adopt_statuses(messages).await?;
    for status in &adopted {
        stored.events.push(announcer.adopted(status)?);
    }
    let mut changes = StatusChanges::default();
    changes.add_adopted(&adopted);
    tx.ingest().apply_statuses(&changes.into_changes()).await?;
    Ok(())
}
