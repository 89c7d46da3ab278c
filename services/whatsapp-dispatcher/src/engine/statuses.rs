//! Statuses that came before the message was known by its wamid.

use sb_db::ingest::StatusChanges;
use sb_db::{DbError, SystemTx};
use sb_events::Addressed;
use sb_ids::{MessageId, OrganizationId, Wamid};

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
    let mut changes = StatusChanges::default();
    changes.add_adopted(&adopted);
    tx.ingest().apply_statuses(&changes.into_changes()).await?;
    adopted
        .iter()
        .map(|status| {
            let event = tools.announcer.status(status)?;
            Ok((status.outgoing.organization, event))
        })
        .collect()
}
