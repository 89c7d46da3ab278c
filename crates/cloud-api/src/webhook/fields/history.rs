//! What was written before a number was connected (coexistence).

use std::borrow::Cow;

use sb_ids::{Bsuid, WaId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::webhook::{Malformed, scalar};

/// One piece of the past. Pieces come in any order, and thousands of messages in one post.
///
/// # Source
/// Meta, "history webhook", 2026: phases 0 (a day), 1 (90 days), 2 (180 days).
#[derive(Debug)]
pub struct History<'a> {
    /// How far the whole import is, 0 to 100.
    pub progress: Option<i64>,
    /// 0, 1 or 2.
    pub phase: Option<i64>,
    /// Place of the piece in its phase.
    pub chunk_order: Option<i64>,
    /// Conversations.
    pub threads: Vec<HistoryThread<'a>>,
    /// Why there is none: 2593109 when the business declined.
    pub errors: Vec<&'a RawValue>,
}

/// The messages with one person.
#[derive(Debug)]
pub struct HistoryThread<'a> {
    /// Phone number in digits.
    pub wa_id: Option<WaId>,
    /// Business-scoped id.
    pub user_id: Option<Bsuid>,
    /// The messages as received: [`super::super::InboundMessage::parse`].
    pub messages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    metadata: Option<WireMetadata>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    threads: Vec<WireThread<'a>>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    errors: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct WireMetadata {
    #[serde(default, deserialize_with = "scalar::integer")]
    phase: Option<i64>,
    #[serde(default, deserialize_with = "scalar::integer")]
    chunk_order: Option<i64>,
    #[serde(default, deserialize_with = "scalar::integer")]
    progress: Option<i64>,
}

#[derive(Deserialize)]
struct WireThread<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context: Option<WireContext<'a>>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    messages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireContext<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    wa_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    user_id: Option<Cow<'a, str>>,
}

impl<'a> History<'a> {
    /// Reads one item of `history`.
    ///
    /// # Errors
    /// [`Malformed`] when it has another form than documented.
    pub fn parse(raw: &'a RawValue) -> Result<Self, Malformed> {
        let wire: Wire<'a> = super::read("history", raw)?;
        let metadata = wire.metadata.unwrap_or_default();
        let thread = |thread: WireThread<'a>| {
            let context = thread.context.as_ref();
            let wa_id = context.and_then(|context| context.wa_id.as_deref());
            HistoryThread {
                // Threads of the first months had the person's number as their id.
                wa_id: scalar::wa_id(wa_id.or(thread.id.as_deref())),
                user_id: scalar::bsuid(context.and_then(|context| context.user_id.as_deref())),
                messages: thread.messages,
            }
        };
        Ok(Self {
            progress: metadata.progress,
            phase: metadata.phase,
            chunk_order: metadata.chunk_order,
            threads: wire.threads.into_iter().map(thread).collect(),
            errors: wire.errors,
        })
    }
}
