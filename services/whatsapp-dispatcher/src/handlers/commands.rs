//! Commands of one shard.
//!
//! Harmless when repeated or late: `SendMessage` only says where to look, and the claim decides; `MarkRead` is
//! idempotent at Meta and dropped when it is old. So a command is done as soon as the engine knows of it, and
//! what the engine forgets (a crash, a full list) its polls find in the table.

use sb_bus::{BatchHandler, BatchOutcome, DeliveredItem, HandlerError, ItemFailure, MalformedItem};
use sb_db::dispatch::ConversationKey;
use sb_events::proto::dispatch::v1::{MarkRead, SendMessage};
use sb_events::{MalformedEvent, Origin, from_micros, organization_of, uuid_field};
use sb_ids::{InvalidId, MessageId, Shard, Wamid};
use tokio::sync::mpsc;

use crate::engine::Arrival;
use crate::origins::Origins;
use crate::read_marks::ReadMark;

/// Takes the commands of one shard to the engine.
#[derive(Debug)]
pub(crate) struct CommandHandler {
    pub(crate) shard: Shard,
    pub(crate) engine: mpsc::Sender<Arrival>,
    pub(crate) read_marks: mpsc::Sender<ReadMark>,
    pub(crate) origins: Origins,
}

/// A command that says nothing usable.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("reading a command")]
    Item(#[source] MalformedItem),
    #[error("reading the fields of a command")]
    Field(#[from] MalformedEvent),
    #[error("reading the message a command marks as read")]
    Wamid(#[from] InvalidId),
}

#[derive(Debug, thiserror::Error)]
#[error("the engine has stopped")]
struct EngineStopped;

enum Command {
    Look(ConversationKey),
    Mark(ReadMark),
}

impl CommandHandler {
    fn read(&self, delivered: &DeliveredItem) -> Result<Command, CommandError> {
        match delivered.decode::<SendMessage>() {
            Ok(command) => Ok(Command::Look(self.look(&command, delivered)?)),
            Err(MalformedItem::Type { .. }) => {
                let command: MarkRead = delivered.decode().map_err(CommandError::Item)?;
                Ok(Command::Mark(mark(&command)?))
            }
            Err(error @ MalformedItem::Payload { .. }) => Err(CommandError::Item(error)),
        }
    }

    fn look(
        &self,
        command: &SendMessage,
        delivered: &DeliveredItem,
    ) -> Result<ConversationKey, MalformedEvent> {
        let key = ConversationKey {
            organization: organization_of(command.meta.as_ref())?,
            number: uuid_field("number_id", &command.number_id)?,
            conversation: uuid_field("conversation_id", &command.conversation_id)?,
        };
        // A nudge names no message.
        if let (Ok(message), Some(meta)) = (MessageId::parse(&command.message_id), &command.meta) {
            let trace = delivered.item.trace.clone();
            self.origins.remember(message, Origin::after(meta), trace);
        }
        Ok(key)
    }
}

fn mark(command: &MarkRead) -> Result<ReadMark, CommandError> {
    let asked_at = command.meta.as_ref().map(|meta| meta.occurred_at_us);
    Ok(ReadMark {
        key: ConversationKey {
            organization: organization_of(command.meta.as_ref())?,
            number: uuid_field("number_id", &command.number_id)?,
            conversation: uuid_field("conversation_id", &command.conversation_id)?,
        },
        wamid: Wamid::parse(command.wamid.as_str())?,
        typing: command.typing,
        asked_at: from_micros(asked_at.unwrap_or_default()),
        is_retry: false,
    })
}

impl BatchHandler for CommandHandler {
    async fn handle(&self, batch: Vec<DeliveredItem>) -> Result<BatchOutcome, HandlerError> {
        let mut looks = Vec::with_capacity(batch.len());
        let mut failures = Vec::new();
        for (position, delivered) in batch.iter().enumerate() {
            match self.read(delivered) {
                Ok(Command::Look(key)) => looks.push(key),
                // Full: the mark would be late anyway.
                Ok(Command::Mark(mark)) => drop(self.read_marks.try_send(mark)),
                Err(error) => failures.push(ItemFailure {
                    position,
                    error: HandlerError::discard_because("a command cannot be understood", error),
                }),
            }
        }
        let arrival = Arrival {
            shard: self.shard,
            looks,
        };
        self.engine
            .send(arrival)
            .await
            .map_err(|_| HandlerError::unavailable(EngineStopped))?;
        if failures.is_empty() {
            Ok(BatchOutcome::Done)
        } else {
            Ok(BatchOutcome::Retry(failures))
        }
    }
}
