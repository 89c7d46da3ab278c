//! Edits and revocations of a batch, and those that waited for a message of it.

use std::collections::HashSet;

use sb_db::DbError;
use sb_db::ingest::{Ingest, NewChange};
use sb_ids::{OrganizationId, PostId};

use super::Disposition;
use super::announce::Announcer;
use super::plan::Changed;
use super::store::{Addressee, Arrived, Stored};

/// Keeps the changes, applies them to their messages, and says what to announce.
pub(crate) async fn write(
    ingest: &mut Ingest<'_>,
    announcer: &Announcer,
    (changed, arrived): (&[Addressee<'_, Changed>], &[Arrived]),
    stored: &mut Stored,
) -> Result<(), DbError> {
    let rows: Vec<NewChange> = changed.iter().map(row).collect();
    let mut new: HashSet<(OrganizationId, String)> =
        ingest.insert_changes(&rows).await?.into_iter().collect();
    for row in &rows {
        let is_new = new.remove(&(row.organization, row.change_wamid.clone()));
        stored.dispositions.push(if is_new {
            Disposition::Applied
        } else {
            Disposition::Duplicate
        });
    }
    let mut touched: Vec<(OrganizationId, String)> = rows
        .iter()
        .map(|row| (row.organization, row.wamid.clone()))
        .collect();
    touched.extend(arrived.iter().cloned());
    if rows.is_empty() && !ingest.has_waiting_changes(&touched).await? {
        return Ok(());
    }
    // What came before, in another post, was announced then.
    let posts: HashSet<PostId> = rows.iter().map(|row| row.post).collect();
    let arrived: HashSet<&Arrived> = arrived.iter().collect();
    for change in ingest.apply_changes(&touched).await? {
        let message = (change.organization, change.wamid.clone());
        if posts.contains(&change.post) || arrived.contains(&message) {
            stored.events.push(announcer.changed(&change)?);
        }
    }
    Ok(())
}

fn row(changed: &Addressee<'_, Changed>) -> NewChange {
    let update = changed.update;
    NewChange {
        organization: changed.route.organization,
        wamid: update.wamid.clone(),
        change_wamid: update.change_wamid.clone(),
        content: update.content.clone(),
        changed_at: update.at,
        post: changed.unit.source.post,
        received_at: changed.unit.source.received_at,
    }
}
