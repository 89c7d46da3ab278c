//! Read marks and typing indicators: best effort, beside the sends and never in their way.
//!
//! The newest mark of a conversation replaces the ones before it, since marking a message marks all earlier
//! ones. A mark is worthless after a minute and is then dropped, as is one that failed twice.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use moka::sync::Cache;
use sb_cloud_api::graph::{Graph, GraphError};
use sb_db::dispatch::{ConversationKey, SendingNumber};
use sb_db::{Db, DbError, SystemReason};
use sb_domain::Clock;
use sb_ids::{ConversationId, NumberId, Wamid};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::tokens::{TokenError, Tokens};

const WORTHLESS_AFTER: TimeDelta = TimeDelta::seconds(60);
const AT_ONCE: usize = 16;
const PENDING_MAX: usize = 10_000;
const NUMBERS_REMEMBERED: u64 = 2_000;
const NUMBERS_REMEMBERED_FOR: Duration = Duration::from_secs(30);

/// A message to be marked as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadMark {
    /// The conversation, and the number that received the message.
    pub(crate) key: ConversationKey,
    /// The message.
    pub(crate) wamid: Wamid,
    /// Show that an answer is being written.
    pub(crate) typing: bool,
    /// When it was asked for.
    pub(crate) asked_at: DateTime<Utc>,
    /// It has failed once.
    pub(crate) is_retry: bool,
}

/// Why a mark was not made.
#[derive(Debug, thiserror::Error)]
enum MarkError {
    #[error("reading the number of a read mark")]
    Number(#[source] DbError),
    #[error("number cannot send: it is not there, or its token is missing or refused")]
    CannotSend,
    #[error("opening the token for a read mark")]
    Token(#[source] TokenError),
    #[error("marking a message as read")]
    Graph(#[source] GraphError),
}

/// Marks that wait, the newest of each conversation.
#[derive(Debug, Default)]
struct Pending {
    newest: HashMap<ConversationId, ReadMark>,
    order: VecDeque<ConversationId>,
}

impl Pending {
    /// Adds a mark; `false` when there are too many.
    fn add(&mut self, mark: ReadMark) -> bool {
        let conversation = mark.key.conversation;
        if let Some(known) = self.newest.get_mut(&conversation) {
            // A retry must not replace what came meanwhile.
            if !mark.is_retry {
                *known = mark;
            }
            return true;
        }
        if self.newest.len() >= PENDING_MAX {
            return false;
        }
        self.order.push_back(conversation);
        self.newest.insert(conversation, mark);
        true
    }

    fn take(&mut self) -> Option<ReadMark> {
        let conversation = self.order.pop_front()?;
        self.newest.remove(&conversation)
    }
}

/// Makes read marks.
pub(crate) struct ReadMarks {
    pub(crate) db: Db,
    pub(crate) graph: Graph,
    pub(crate) tokens: Tokens,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    numbers: Cache<NumberId, Arc<SendingNumber>>,
}

impl ReadMarks {
    /// Nothing to do yet.
    pub(crate) fn new(
        db: Db,
        graph: Graph,
        tokens: Tokens,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let numbers = Cache::builder()
            .max_capacity(NUMBERS_REMEMBERED)
            .time_to_live(NUMBERS_REMEMBERED_FOR)
            .build();
        Self {
            db,
            graph,
            tokens,
            clock,
            metrics,
            numbers,
        }
    }

    /// Makes marks until `stopping`. What waits then is dropped.
    pub(crate) async fn run(
        self,
        mut asked: mpsc::Receiver<ReadMark>,
        stopping: CancellationToken,
    ) {
        let this = Arc::new(self);
        let mut pending = Pending::default();
        let mut making: FuturesUnordered<BoxFuture<'static, Option<ReadMark>>> =
            FuturesUnordered::new();
        loop {
            while making.len() < AT_ONCE
                && let Some(mark) = pending.take()
            {
                let this = Arc::clone(&this);
                making.push(async move { this.make(mark).await }.boxed());
            }
            let mark = tokio::select! {
                () = stopping.cancelled() => break,
                Some(again) = making.next(), if !making.is_empty() => again,
                mark = asked.recv() => match mark {
                    Some(mark) => Some(mark),
                    None => break,
                },
            };
            if let Some(mark) = mark
                && !pending.add(mark)
            {
                this.metrics.read_mark("dropped");
            }
        }
    }

    /// Makes one mark; returns it when it should be tried once more.
    async fn make(&self, mark: ReadMark) -> Option<ReadMark> {
        if self.clock.now() - mark.asked_at > WORTHLESS_AFTER {
            self.metrics.read_mark("late");
            return None;
        }
        let Err(error) = self.try_make(&mark).await else {
            self.metrics.read_mark("made");
            return None;
        };
        let may_help = match &error {
            MarkError::Number(error) => error.is_transient(),
            MarkError::CannotSend | MarkError::Token(_) => false,
            MarkError::Graph(error) => {
                error.class().is_repeatable() || matches!(error, GraphError::AnswerLost { .. })
            }
        };
        if may_help && !mark.is_retry {
            return Some(ReadMark {
                is_retry: true,
                ..mark
            });
        }
        self.metrics.read_mark("failed");
        tracing::info!(
            conversation.id = %mark.key.conversation,
            error = sb_telemetry::as_error(&error),
            "a message was not marked as read"
        );
        None
    }

    async fn try_make(&self, mark: &ReadMark) -> Result<(), MarkError> {
        let number = self.number(mark.key).await?;
        let (Some(from), Some(sealed), false) = (
            &number.phone_number_id,
            &number.access_token_sealed,
            number.is_token_rejected,
        ) else {
            return Err(MarkError::CannotSend);
        };
        let token = self
            .tokens
            .open(mark.key.organization, mark.key.number, sealed)
            .map_err(MarkError::Token)?;
        self.graph
            .mark_read(&token, from, &mark.wamid, mark.typing)
            .await
            .map_err(MarkError::Graph)
    }

    async fn number(&self, key: ConversationKey) -> Result<Arc<SendingNumber>, MarkError> {
        if let Some(number) = self.numbers.get(&key.number) {
            return Ok(number);
        }
        let read = async {
            let mut tx = self.db.system(SystemReason::Dispatch).await?;
            let number = tx
                .dispatch()
                .find_sending_number(key.organization, key.number)
                .await?;
            tx.rollback().await?;
            Ok(number)
        };
        let number = read.await.map_err(MarkError::Number)?;
        let number = Arc::new(number.ok_or(MarkError::CannotSend)?);
        self.numbers.insert(key.number, Arc::clone(&number));
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(conversation: u128, wamid: &str, is_retry: bool) -> ReadMark {
        let nil = uuid::Uuid::nil();
        ReadMark {
            key: ConversationKey {
                organization: nil.into(),
                number: nil.into(),
                conversation: uuid::Uuid::from_u128(conversation).into(),
            },
            wamid: Wamid::parse(wamid).unwrap(),
            typing: true,
            asked_at: DateTime::from_timestamp(1, 0).unwrap(),
            is_retry,
        }
    }

    #[test]
    fn the_newest_mark_of_a_conversation_stands_for_the_others() {
        let mut pending = Pending::default();
        for (conversation, wamid) in [(1, "a"), (2, "b"), (1, "c")] {
            assert!(pending.add(mark(conversation, wamid, false)));
        }
        assert!(pending.add(mark(1, "a", true)));
        assert_eq!(pending.take(), Some(mark(1, "c", false)));
        assert_eq!(pending.take(), Some(mark(2, "b", false)));
        assert_eq!(pending.take(), None);
    }
}
