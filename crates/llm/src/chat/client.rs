//! The client: one request out, one answer in.

use std::time::Duration;

use bytes::Bytes;
use sb_config::Secret;
use sb_egress::{Egress, Response};
use url::Url;

use super::{ChatAnswer, ChatRequest, request::TokenLimit, stream};
use crate::{LlmError, ProviderError};

/// Longest answer in bytes, whole or in pieces: some hundred thousand tokens.
pub(super) const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

const ERROR_BYTES_MAX: usize = 64 * 1024;

/// A client of one provider; cheap to clone.
#[derive(Debug, Clone)]
pub struct ChatClient {
    egress: Egress,
    url: String,
    api_key: Secret,
    trusted: bool,
    limit: TokenLimit,
}

impl ChatClient {
    /// A client for the API at `base_url`, `https://api.openai.com/v1`. An unset key sends none.
    /// `trusted` says that the operator configured the address.
    pub fn new(egress: Egress, base_url: &str, api_key: Secret, trusted: bool) -> Self {
        Self {
            egress,
            url: format!("{}/chat/completions", base_url.trim_end_matches('/')),
            api_key,
            trusted,
            limit: token_limit(base_url),
        }
    }

    /// Asks the model.
    ///
    /// # Errors
    /// [`LlmError`]; [`LlmError::is_retryable`] tells whether asking again can help.
    pub async fn complete(&self, request: &ChatRequest) -> Result<ChatAnswer, LlmError> {
        let mut call = self
            .egress
            .post(&self.url)
            .timeout(request.timeout)
            .json(&request.to_body(self.limit));
        if self.api_key.is_set() {
            call = call.bearer(self.api_key.expose());
        }
        if self.trusted {
            call = call.trusted();
        }
        let response = call
            .send("llm.chat_completions.create")
            .await
            .map_err(LlmError::of_exchange)?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        if is_event_stream(&response) {
            return stream::read(response.bytes_stream(), request.idle_timeout).await;
        }
        // Some servers answer in one piece although a stream was asked for.
        let body = response
            .bytes_limited(ANSWER_BYTES_MAX)
            .await
            .map_err(LlmError::of_exchange)?;
        ChatAnswer::from_body(&body)
    }
}

fn token_limit(base_url: &str) -> TokenLimit {
    let url = Url::parse(base_url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    if ["api.openai.com", "api.groq.com"].contains(&host) || host.ends_with(".openai.azure.com") {
        TokenLimit::MaxCompletionTokens
    } else {
        TokenLimit::MaxTokens
    }
}

fn is_event_stream(response: &Response) -> bool {
    response.header("content-type").is_some_and(|kind| {
        kind.trim_start()
            .to_ascii_lowercase()
            .starts_with("text/event-stream")
    })
}

async fn refusal(response: Response) -> LlmError {
    let http_status = response.status().as_u16();
    let retry_after = retry_after(&response);
    // The status counts even when the explanation got lost.
    let body = response
        .bytes_limited(ERROR_BYTES_MAX)
        .await
        .unwrap_or_else(|_| Bytes::new());
    LlmError::of_status(http_status, retry_after, ProviderError::from_body(&body))
}

/// # Source
/// RFC 9110, 10.2.3 (seconds); OpenAI also sends `retry-after-ms`.
fn retry_after(response: &Response) -> Option<Duration> {
    let number = |name| response.header(name)?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms")
        .map(|milliseconds| milliseconds / 1_000.0)
        .or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests;
