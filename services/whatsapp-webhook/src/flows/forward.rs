//! Screens made by a server of the tenant's.

use std::time::Duration;

use sb_cloud_api::flows::{DecryptedExchange, FlowAnswer, InvalidAnswer};
use sb_egress::{Egress, EgressError, RequestSigner, StatusCode};
use sb_ids::{FlowEndpointId, FlowExchangeId, OrganizationId};
use serde::Serialize;
use serde_json::{Map, Value};

/// Why a tenant's server gave no screen. Holds nothing of the request or the answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    /// The question cannot be written; it was JSON a moment ago.
    #[error("writing the question for the tenant's server")]
    Write(#[source] serde_json::Error),
    /// There is no answer.
    #[error("asking the tenant's server")]
    Exchange(#[source] EgressError),
    /// Anything but 200.
    #[error("the tenant's server answered HTTP {0}")]
    Status(StatusCode),
    /// It is no screen.
    #[error("the tenant's server answered with what is no screen")]
    Answer(#[source] InvalidAnswer),
}

impl ForwardError {
    /// A word for metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Write(_) => "write",
            Self::Exchange(error) => error.kind(),
            Self::Status(_) => "status",
            Self::Answer(_) => "invalid_answer",
        }
    }
}

/// A question and where it comes from.
pub(crate) struct Question<'a> {
    pub(crate) id: FlowExchangeId,
    pub(crate) organization: OrganizationId,
    pub(crate) endpoint: FlowEndpointId,
    /// In seconds since 1970.
    pub(crate) asked_at: i64,
    /// Meta signed the flow token, and we have checked it.
    pub(crate) token_verified: bool,
    pub(crate) exchange: &'a DecryptedExchange,
}

/// What a tenant's server is sent.
#[derive(Serialize)]
struct Body<'a> {
    exchange_id: FlowExchangeId,
    endpoint_id: FlowEndpointId,
    organization_id: OrganizationId,
    flow_token_verified: bool,
    exchange: &'a Map<String, Value>,
}

/// The way to tenants' servers.
#[derive(Debug)]
pub(crate) struct Forwarder {
    egress: Egress,
    max_answer_bytes: usize,
}

impl Forwarder {
    pub(crate) const fn new(egress: Egress, max_answer_bytes: usize) -> Self {
        Self {
            egress,
            max_answer_bytes,
        }
    }

    /// Asks the server at `url` for the answer. Only public addresses are reached.
    ///
    /// # Errors
    /// [`ForwardError`].
    pub(crate) async fn ask(
        &self,
        url: &str,
        signer: &RequestSigner,
        question: &Question<'_>,
        timeout: Duration,
    ) -> Result<FlowAnswer, ForwardError> {
        let body = Body {
            exchange_id: question.id,
            endpoint_id: question.endpoint,
            organization_id: question.organization,
            flow_token_verified: question.token_verified,
            exchange: question.exchange.document(),
        };
        let body = serde_json::to_vec(&body).map_err(ForwardError::Write)?;
        let id = question.id.to_string();
        let response = self
            .egress
            .post(url)
            .timeout(timeout)
            .signed_json(signer, &id, question.asked_at, body)
            .send("tenant.flows.exchange")
            .await
            .map_err(ForwardError::Exchange)?;
        if response.status() != StatusCode::OK {
            return Err(ForwardError::Status(response.status()));
        }
        let answer = response
            .bytes_limited(self.max_answer_bytes)
            .await
            .map_err(ForwardError::Exchange)?;
        FlowAnswer::parse(&answer, question.exchange.flow_token.as_deref())
            .map_err(ForwardError::Answer)
    }
}
