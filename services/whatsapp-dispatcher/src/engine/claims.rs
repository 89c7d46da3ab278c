//! Claiming, and finding out whether a claim took effect.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sb_db::dispatch::{ClaimedMessage, ConversationKey};
use sb_db::{DbError, SystemReason};

use super::Tools;

/// How long it is tried to find out what became of a commit whose answer was lost; well within the margin
/// after which the claims count as stale.
const CONFIRMED_WITHIN: TimeDelta = TimeDelta::seconds(10);
const CONFIRMATION_PAUSE: Duration = Duration::from_millis(500);

/// What came of a claim.
pub(super) struct Claims {
    /// What was asked for.
    pub(super) keys: Vec<ConversationKey>,
    /// What was got; `None` when the database is away.
    pub(super) messages: Option<Vec<ClaimedMessage>>,
}

/// Claims the heads of conversations.
pub(super) async fn claim(tools: &Tools, keys: Vec<ConversationKey>) -> Claims {
    let messages = match try_claim(tools, &keys).await {
        Ok(messages) => Some(messages),
        Err(error) => {
            tracing::warn!(
                error = sb_telemetry::as_error(&error),
                conversations = keys.len(),
                "messages could not be claimed, trying again"
            );
            None
        }
    };
    Claims { keys, messages }
}

async fn try_claim(
    tools: &Tools,
    keys: &[ConversationKey],
) -> Result<Vec<ClaimedMessage>, DbError> {
    let at = tools.clock.now();
    let mut tx = tools.db.system(SystemReason::Dispatch).await?;
    let messages = tx
        .dispatch()
        .claim(keys, at, at + tools.stale_after)
        .await?;
    if messages.is_empty() {
        tx.rollback().await?;
        return Ok(messages);
    }
    match tx.commit().await {
        Ok(()) => Ok(messages),
        Err(error) => confirm(tools, messages, at, error).await,
    }
}

/// The commit may have taken effect all the same: then the messages are ours, and leaving them would make
/// them `unknown` for nothing.
async fn confirm(
    tools: &Tools,
    mut messages: Vec<ClaimedMessage>,
    at: DateTime<Utc>,
    error: DbError,
) -> Result<Vec<ClaimedMessage>, DbError> {
    tracing::warn!(
        error = sb_telemetry::as_error(&error),
        messages = messages.len(),
        "the commit of a claim was not answered, asking what became of it"
    );
    let mut last = error;
    while tools.clock.now() < at + CONFIRMED_WITHIN {
        tokio::time::sleep(CONFIRMATION_PAUSE).await;
        match confirmed(tools, &messages, at).await {
            Ok(ours) => {
                messages.retain(|message| ours.contains(&message.outgoing.message));
                return Ok(messages);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn confirmed(
    tools: &Tools,
    messages: &[ClaimedMessage],
    at: DateTime<Utc>,
) -> Result<Vec<sb_ids::MessageId>, DbError> {
    let mut tx = tools.db.system(SystemReason::Dispatch).await?;
    let ours = tx.dispatch().confirm_claims(messages, at).await?;
    tx.rollback().await?;
    Ok(ours)
}
