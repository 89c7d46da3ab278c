//! A contact wrote: the conversation's turn becomes due.

use std::sync::Arc;

use chrono::TimeDelta;
use prost::Name as _;
use sb_bus::{BatchHandler, BatchOutcome, DeliveredItem, HandlerError, ItemFailure, MalformedItem};
use sb_db::{AskedTurn, DbError, SystemReason, TurnKey, TurnRequest};
use sb_events::proto::message::v1::MessageReceived;
use sb_events::{MalformedEvent, Origin, organization_of, uuid_field};
use tokio::sync::Notify;

use crate::turn::SharedRef;

/// Asks for answers. Repeating is harmless: a message asks once, by its place in the conversation.
#[derive(Debug)]
pub(crate) struct AskForAnswers {
    pub(crate) shared: SharedRef,
    /// Wakes the scheduler.
    pub(crate) wake: Arc<Notify>,
}

/// An event nobody can read.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("reading a received message")]
    Item(#[source] MalformedItem),
    #[error("reading a received message")]
    Event(#[source] MalformedEvent),
}

impl BatchHandler for AskForAnswers {
    async fn handle(&self, batch: Vec<DeliveredItem>) -> Result<BatchOutcome, HandlerError> {
        let mut requests = Vec::new();
        let mut failures = Vec::new();
        for (position, item) in batch.iter().enumerate() {
            match request(item) {
                Ok(request) => requests.extend(request),
                Err(error) => failures.push(ItemFailure {
                    position,
                    error: HandlerError::retry(error),
                }),
            }
        }
        if !requests.is_empty() {
            let asked = self.ask(&requests).await.map_err(|error| {
                if error.is_transient() {
                    HandlerError::unavailable(error)
                } else {
                    HandlerError::retry(error)
                }
            })?;
            self.shared.metrics.asked(asked.len());
            self.shared.leases.overtake(&asked);
            if !asked.is_empty() {
                self.wake.notify_one();
            }
        }
        Ok(if failures.is_empty() {
            BatchOutcome::Done
        } else {
            BatchOutcome::Retry(failures)
        })
    }
}

impl AskForAnswers {
    async fn ask(&self, requests: &[TurnRequest]) -> Result<Vec<AskedTurn>, DbError> {
        let seconds = self.shared.settings.response_delay_seconds.min(3_600);
        let delay = TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0));
        let mut tx = self.shared.db.system(SystemReason::Turns).await?;
        let asked = tx
            .turns()
            .ask(requests, delay, self.shared.clock.now())
            .await?;
        tx.commit().await?;
        Ok(asked)
    }
}

/// What an item asks for; `None` for other events and for messages that want no answer.
fn request(item: &DeliveredItem) -> Result<Option<TurnRequest>, Unreadable> {
    if item.item.r#type != MessageReceived::full_name() {
        return Ok(None);
    }
    let event: MessageReceived = item.decode().map_err(Unreadable::Item)?;
    if !wants_answer(&event) {
        return Ok(None);
    }
    read(&event, item).map(Some).map_err(Unreadable::Event)
}

fn read(event: &MessageReceived, item: &DeliveredItem) -> Result<TurnRequest, MalformedEvent> {
    let organization = organization_of(event.meta.as_ref())?;
    let message = event
        .message
        .as_ref()
        .ok_or(MalformedEvent { field: "message" })?;
    Ok(TurnRequest {
        key: TurnKey {
            organization,
            conversation: uuid_field("message.conversation_id", &message.conversation_id)?,
        },
        message: uuid_field("message.message_id", &message.message_id)?,
        sequence: message.sequence,
        correlation: event
            .meta
            .as_ref()
            .and_then(|meta| Origin::after(meta).correlation),
        trace: item
            .item
            .trace
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    })
}

/// In a conversation of somebody else nobody waits for us. An emoji on a message wants no words, and WhatsApp's own
/// notices ("changed their number") were not written by anybody.
fn wants_answer(event: &MessageReceived) -> bool {
    if event.standby {
        return false;
    }
    match event.content_type.as_str() {
        "reaction" | "system" | "call_permission_reply" | "media_placeholder" => false,
        "raw" => {
            let content: serde_json::Value =
                serde_json::from_str(&event.content_json).unwrap_or_default();
            content.get("meta_type").and_then(|name| name.as_str()) != Some("system")
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(content_type: &str, content_json: &str) -> MessageReceived {
        MessageReceived {
            content_type: content_type.to_owned(),
            content_json: content_json.to_owned(),
            ..MessageReceived::default()
        }
    }

    #[test]
    fn reactions_and_notices_want_no_answer() {
        assert!(wants_answer(&event("text", "{}")));
        assert!(wants_answer(&event("image", "{}")));
        assert!(wants_answer(&event(
            "raw",
            r#"{"type":"raw","meta_type":"order","raw":{}}"#
        )));
        assert!(!wants_answer(&event("reaction", "{}")));
        assert!(!wants_answer(&event("system", "{}")));
        let copy = MessageReceived {
            standby: true,
            ..event("text", "{}")
        };
        assert!(!wants_answer(&copy), "somebody else answers");
        assert!(!wants_answer(&event(
            "raw",
            r#"{"type":"raw","meta_type":"system","raw":{}}"#
        )));
    }
}
