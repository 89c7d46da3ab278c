//! The contact sees blue ticks and that somebody is typing, while the model works.

use std::time::Duration;

use sb_db::{DbError, TenantTx};
use sb_events::proto::dispatch::v1::MarkRead;
use sb_events::{Origin, meta};
use sb_ids::{ConversationId, EventId, NumberId, OrganizationId};

use super::Shared;

/// WhatsApp shows typing for 25 seconds.
///
/// # Source
/// Meta, "Typing indicators", 2026.
const REFRESH: Duration = Duration::from_secs(20);

/// What to mark, and where.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    pub(super) organization: OrganizationId,
    pub(super) conversation: ConversationId,
    pub(super) number: NumberId,
    pub(super) wamid: String,
    pub(super) origin: Origin,
}

impl Shared {
    /// Marks the message as read and shows typing, once the transaction commits.
    pub(super) async fn show(&self, presence: &Presence, tx: &mut TenantTx) -> Result<(), DbError> {
        let now = self.clock.now();
        let command = MarkRead {
            // Every refresh is a command of its own.
            meta: Some(meta(
                EventId::new(now),
                now,
                presence.organization,
                presence.origin,
            )),
            conversation_id: presence.conversation.to_string(),
            number_id: presence.number.to_string(),
            wamid: presence.wamid.clone(),
            typing: true,
        };
        tx.outbox().append(&command, now).await
    }

    /// Keeps typing visible; runs until it is dropped. Best effort: an answer matters more.
    pub(super) async fn keep_typing(&self, presence: Option<&Presence>) {
        let Some(presence) = presence else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(REFRESH).await;
            if let Err(error) = self.show_again(presence).await {
                tracing::debug!(
                    error = sb_telemetry::as_error(&error),
                    "typing could not be refreshed"
                );
            }
        }
    }

    async fn show_again(&self, presence: &Presence) -> Result<(), DbError> {
        let mut tx = self.db.tenant(presence.organization).await?;
        self.show(presence, &mut tx).await?;
        tx.commit().await
    }
}
