//! An answer that comes piece by piece.
//!
//! # Source
//! OpenAI, "Chat completions, streaming": server-sent events with `chat.completion.chunk` objects;
//! with `include_usage` a last chunk without choices; then `data: [DONE]`. Tool calls arrive as
//! deltas that share an `index`; only the first names the call.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use sb_egress::EgressError;
use serde::Deserialize;
use serde_json::Value;
use sse_stream::SseStream;

use super::{
    ChatAnswer, FinishReason, ToolCall, Usage,
    answer::{WireUsage, completed, text_of},
    client::ANSWER_BYTES_MAX,
};
use crate::{LlmError, ProviderError};

/// More calls in one answer are a model gone wrong.
const TOOL_CALLS_MAX: usize = 128;

/// What the event parser cannot pass on as what it is.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("reading the stream")]
    Egress(#[source] EgressError),
    #[error("the stream is too long")]
    TooLarge,
}

/// Reads a stream to its end.
pub(super) async fn read(
    bytes: impl Stream<Item = Result<Bytes, EgressError>>,
    idle_timeout: Duration,
) -> Result<ChatAnswer, LlmError> {
    let mut received = 0_usize;
    let bounded = bytes.map(move |chunk| {
        let chunk = chunk.map_err(Broken::Egress)?;
        received = received.saturating_add(chunk.len());
        if received > ANSWER_BYTES_MAX {
            return Err(Broken::TooLarge);
        }
        Ok(chunk)
    });
    let mut events = pin!(SseStream::from_bytes_stream(bounded));
    let mut draft = Draft::default();
    loop {
        let next = tokio::time::timeout(idle_timeout, events.next()).await;
        let Ok(next) = next else {
            return Err(LlmError::Stalled {
                after: idle_timeout,
            });
        };
        let Some(event) = next else {
            return draft.finish();
        };
        let data = event.map_err(stream_error)?.data.unwrap_or_default();
        match data.trim() {
            "" => {}
            "[DONE]" => {
                draft.is_done = true;
                return draft.finish();
            }
            data => draft.take(data)?,
        }
    }
}

fn stream_error(error: sse_stream::Error) -> LlmError {
    const EXPECTED: &str = "the form of an event stream";
    let sse_stream::Error::Body(source) = error else {
        return LlmError::Malformed { expected: EXPECTED };
    };
    match source.downcast::<Broken>().map(|broken| *broken) {
        Ok(Broken::Egress(source)) => LlmError::of_exchange(source),
        Ok(Broken::TooLarge) => LlmError::TooLarge {
            limit_bytes: ANSWER_BYTES_MAX,
        },
        Err(_) => LlmError::Malformed { expected: EXPECTED },
    }
}

#[derive(Deserialize)]
struct Chunk {
    id: Option<String>,
    model: Option<String>,
    choices: Option<Vec<ChunkChoice>>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct ChunkChoice {
    #[serde(default)]
    index: u32,
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<Value>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    index: Option<u32>,
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<String>,
}

/// The answer as far as it has come.
#[derive(Default)]
struct Draft {
    text: String,
    refusal: String,
    calls: Vec<(Option<u32>, ToolCall)>,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
    model: Option<String>,
    id: Option<String>,
    is_done: bool,
}

impl Draft {
    fn take(&mut self, data: &str) -> Result<(), LlmError> {
        // The parser's error would quote the answer.
        let chunk: Chunk = serde_json::from_str(data).map_err(|_| LlmError::Malformed {
            expected: "the form of a chat completion chunk",
        })?;
        if let Some(error) = chunk.error {
            return Err(LlmError::of_stream(ProviderError::from_value(&error)));
        }
        self.id = self.id.take().or(chunk.id);
        self.model = self.model.take().or(chunk.model);
        // Some servers repeat the usage so far in every chunk: the last one counts.
        self.usage = chunk.usage.map(Usage::from).or(self.usage);
        // We ask for one choice.
        let choices = chunk.choices.unwrap_or_default();
        for choice in choices.into_iter().filter(|choice| choice.index == 0) {
            if let Some(delta) = choice.delta {
                self.take_delta(delta)?;
            }
            let reason = choice.finish_reason.filter(|word| !word.is_empty());
            self.finish_reason = reason
                .map(|word| FinishReason::parse(&word))
                .or_else(|| self.finish_reason.take());
        }
        Ok(())
    }

    fn take_delta(&mut self, delta: Delta) -> Result<(), LlmError> {
        if let Some(content) = &delta.content {
            self.text.push_str(&text_of(content));
        }
        if let Some(refusal) = &delta.refusal {
            self.refusal.push_str(refusal);
        }
        for call in delta.tool_calls.unwrap_or_default() {
            self.take_call(call);
        }
        if self.calls.len() > TOOL_CALLS_MAX {
            return Err(LlmError::Malformed {
                expected: "a reasonable number of tool calls",
            });
        }
        Ok(())
    }

    fn take_call(&mut self, delta: CallDelta) {
        let id = delta.id.unwrap_or_default();
        let call = self.call_of(delta.index, &id);
        if call.id.is_empty() {
            call.id = id;
        }
        let Some(function) = delta.function else {
            return;
        };
        if call.name.is_empty() {
            call.name = function.name.unwrap_or_default();
        }
        call.arguments
            .push_str(&function.arguments.unwrap_or_default());
    }

    /// The call a delta belongs to. Google sends whole calls, all with the index 0 or with none, so
    /// another id begins another call whatever the index says.
    fn call_of(&mut self, index: Option<u32>, id: &str) -> &mut ToolCall {
        let known = self.calls.iter().rposition(|(of, call)| {
            let same_place = index.is_none() || *of == index;
            let same_call = id.is_empty() || call.id.is_empty() || call.id == id;
            same_place && same_call
        });
        let position = known.unwrap_or_else(|| {
            self.calls.push((index, ToolCall::default()));
            self.calls.len() - 1
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the position was found in, or just pushed to, this very list"
        )]
        &mut self.calls[position].1
    }

    fn finish(self) -> Result<ChatAnswer, LlmError> {
        if self.finish_reason.is_none() && !self.is_done {
            return Err(LlmError::Cut);
        }
        let calls = self.calls.into_iter().map(|(_, call)| call).collect();
        Ok(ChatAnswer {
            text: self.text,
            tool_calls: completed(calls),
            finish_reason: self.finish_reason.unwrap_or(FinishReason::Stop),
            usage: self.usage,
            refusal: Some(self.refusal).filter(|text| !text.is_empty()),
            model: self.model,
            id: self.id,
        })
    }
}

#[cfg(test)]
mod tests;
