//! The steps from Meta's post to the answer.

use std::time::Instant;

use sb_cloud_api::flows::{
    Action, AnswerKey, CannotDecrypt, DecryptedExchange, EncryptedExchange, FlowAnswer,
    FlowTokenError,
};
use sb_cloud_api::signature::SignatureError;
use sb_db::{DbError, FlowHandler, ServingFlowEndpoint, SystemReason};
use sb_ids::{FlowEndpointId, FlowExchangeId};
use serde_json::Value;
use tokio::time::timeout_at;

use super::Flows;
use super::agent::AgentError;
use super::forward::{ForwardError, Question};
use super::keys::KeyError;

/// What a phone is told.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The encrypted answer.
    Encrypted { body: String, action: &'static str },
    /// The flow may no longer be used, and why.
    InvalidToken {
        message: Option<String>,
        action: &'static str,
    },
}

/// Why a phone gets no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// None of our apps, or not the endpoint's, signed the request.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// There is no such endpoint, or its organization is suspended.
    #[error("there is no flow endpoint at this address")]
    Unknown,
    /// The request does not decrypt.
    #[error(transparent)]
    CannotDecrypt(#[from] CannotDecrypt),
    /// The flow token is signed, wrongly.
    #[error(transparent)]
    ForgedToken(#[from] FlowTokenError),
    /// Too many are being answered.
    #[error("too many flow requests are being answered already")]
    Busy,
    /// The endpoint cannot be looked up.
    #[error("looking up the flow endpoint")]
    Database(#[from] DbError),
    /// A stored secret is unusable.
    #[error("opening the keys of the flow endpoint")]
    Key(#[from] KeyError),
    /// The tenant's server gave no screen.
    #[error("the handler of the flow endpoint failed")]
    Forward(#[from] ForwardError),
    /// The tenant's agent gave no screen.
    #[error("the handler of the flow endpoint failed")]
    Agent(#[from] AgentError),
    /// The time is up.
    #[error("the answer took too long")]
    Timeout,
    /// Decryption or encryption itself broke.
    #[error("the cipher failed")]
    Broken,
}

impl Flows {
    /// Answers a post. Asking again is harmless: nothing is stored.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(crate) async fn answer(
        &self,
        address: &str,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<Reply, Refusal> {
        let deadline = tokio::time::Instant::now() + self.answer_timeout;
        self.apps.verify(signature, body)?;
        let _slot = self.slots.try_acquire().map_err(|_| Refusal::Busy)?;
        let id = FlowEndpointId::parse(address).map_err(|_| Refusal::Unknown)?;
        timeout_at(deadline, async {
            let endpoint = self.find(id).await?.ok_or(Refusal::Unknown)?;
            // An app may only speak for the accounts it is bound to.
            let app = endpoint.app.as_str();
            self.apps.verify_for(app, signature, body)?;
            let answered = self.exchange(&endpoint, body, deadline).await;
            if let Err(refusal) = &answered {
                log(&endpoint, refusal);
            }
            answered
        })
        .await
        .unwrap_or(Err(Refusal::Timeout))
    }

    async fn find(&self, id: FlowEndpointId) -> Result<Option<ServingFlowEndpoint>, DbError> {
        let now = self.clock.now();
        let mut tx = self.db.system(SystemReason::FlowExchange).await?;
        let endpoint = tx.flow_endpoints().find_serving(id, now).await?;
        tx.commit().await?;
        Ok(endpoint)
    }

    async fn exchange(
        &self,
        endpoint: &ServingFlowEndpoint,
        body: &[u8],
        deadline: tokio::time::Instant,
    ) -> Result<Reply, Refusal> {
        let (exchange, answer_key) = self.decrypt(endpoint, body).await?;
        let action = exchange.action.label();
        let token_verified = self.verify_token(endpoint, &exchange)?;
        let document = if exchange.action == Action::Ping {
            DecryptedExchange::pong()
        } else if let Some(error) = exchange.reported_error() {
            self.report(endpoint, &exchange, error, token_verified, deadline)
                .await;
            DecryptedExchange::acknowledgement()
        } else {
            match self
                .ask(endpoint, &exchange, token_verified, deadline)
                .await?
            {
                FlowAnswer::Reply(document) => document,
                FlowAnswer::InvalidToken { message } => {
                    return Ok(Reply::InvalidToken { message, action });
                }
            }
        };
        let body = encrypt(answer_key, &document)?;
        Ok(Reply::Encrypted { body, action })
    }

    async fn decrypt(
        &self,
        endpoint: &ServingFlowEndpoint,
        body: &[u8],
    ) -> Result<(DecryptedExchange, AnswerKey), Refusal> {
        let encrypted = EncryptedExchange::parse(body)?;
        let (keys, endpoint) = (self.keys.clone(), endpoint.clone());
        // RSA takes milliseconds, in which this thread could accept a hundred posts.
        let opened = tokio::task::spawn_blocking(move || keys.open(&endpoint, &encrypted))
            .await
            .map_err(|_| Refusal::Broken)?;
        Ok(opened??)
    }

    /// Whether Meta vouches for the token; newer flows come with a signature.
    fn verify_token(
        &self,
        endpoint: &ServingFlowEndpoint,
        exchange: &DecryptedExchange,
    ) -> Result<bool, FlowTokenError> {
        let Some(signature) = &exchange.flow_token_signature else {
            return Ok(false);
        };
        let token = exchange.flow_token.as_deref().unwrap_or_default();
        self.apps
            .verify_flow_token(endpoint.app.as_str(), signature, token)?;
        Ok(true)
    }

    /// Tells the tenant's server that a phone could not use its answer; the phone does not wait for what it says.
    async fn report(
        &self,
        endpoint: &ServingFlowEndpoint,
        exchange: &DecryptedExchange,
        error: &str,
        token_verified: bool,
        deadline: tokio::time::Instant,
    ) {
        tracing::warn!(
            organization.id = %endpoint.organization,
            flow_endpoint.id = %endpoint.id,
            error.key = as_word(error),
            "a phone could not use the last answer of this flow endpoint"
        );
        if matches!(endpoint.handler, FlowHandler::Http { .. }) {
            let told = self.ask(endpoint, exchange, token_verified, deadline).await;
            if let Err(refusal) = told {
                log(endpoint, &refusal);
            }
        }
    }

    async fn ask(
        &self,
        endpoint: &ServingFlowEndpoint,
        exchange: &DecryptedExchange,
        token_verified: bool,
        deadline: tokio::time::Instant,
    ) -> Result<FlowAnswer, Refusal> {
        let started = Instant::now();
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let now = self.clock.now();
        let (handler, answer) = match &endpoint.handler {
            FlowHandler::Http { url } => {
                let signer = self.keys.signer(endpoint)?;
                let question = Question {
                    id: FlowExchangeId::new(now),
                    organization: endpoint.organization,
                    endpoint: endpoint.id,
                    asked_at: now.timestamp(),
                    token_verified,
                    exchange,
                };
                let asked = self.forwarder.ask(url, &signer, &question, left).await;
                let outcome = asked.as_ref().map_or_else(ForwardError::kind, |_| "ok");
                (("http", outcome), asked.map_err(Refusal::from))
            }
            FlowHandler::Agent { .. } => {
                let agent = endpoint.agent.as_ref();
                let asked = self
                    .agents
                    .ask(endpoint.organization, agent, exchange, left)
                    .await;
                let outcome = asked.as_ref().map_or_else(AgentError::kind, |_| "ok");
                (("agent", outcome), asked.map_err(Refusal::from))
            }
        };
        self.metrics
            .handled(handler.0, handler.1, started.elapsed());
        answer
    }
}

fn encrypt(key: AnswerKey, document: &Value) -> Result<String, Refusal> {
    key.encrypt(document.to_string().as_bytes())
        .map_err(|_| Refusal::Broken)
}

/// Meta's words for errors are plain; anything else may be what a person entered.
fn as_word(error: &str) -> &str {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if error.len() <= 60 && error.chars().all(is_plain) {
        error
    } else {
        "another text"
    }
}

/// What the tenant, or somebody of ours, has to look at.
fn log(endpoint: &ServingFlowEndpoint, refusal: &Refusal) {
    match refusal {
        Refusal::Forward(_) | Refusal::Agent(_) | Refusal::ForgedToken(_) => tracing::warn!(
            error = sb_telemetry::as_error(refusal),
            organization.id = %endpoint.organization,
            flow_endpoint.id = %endpoint.id,
            "a flow request got no screen"
        ),
        Refusal::Key(_) | Refusal::Broken => tracing::error!(
            error = sb_telemetry::as_error(refusal),
            organization.id = %endpoint.organization,
            flow_endpoint.id = %endpoint.id,
            "a flow request could not be read"
        ),
        Refusal::Signature(_)
        | Refusal::Unknown
        | Refusal::CannotDecrypt(_)
        | Refusal::Busy
        | Refusal::Database(_)
        | Refusal::Timeout => {}
    }
}
