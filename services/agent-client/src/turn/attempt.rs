//! One attempt at a turn.

use std::time::Duration;

use chrono::TimeDelta;
use sb_db::{AnsweringAgent, ClaimedTurn, Finished};
use sb_domain::agent::AgentConfig;
use sb_events::Origin;
use sb_ids::OrganizationId;
use sb_llm::{ChatAnswer, ChatMessage};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::leases::Lease;
use super::presence::Presence;
use super::{ATTEMPTS_MAX, Outcome, Shared, TurnError, backoff};
use crate::prompt::{self, PromptInput};

/// A turn ready to be asked about.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) agent: AnsweringAgent,
    pub(super) config: AgentConfig,
    pub(super) chat: Vec<ChatMessage>,
    /// The last place in the conversation that the chat contains.
    pub(super) seen_sequence: i64,
    pub(super) presence: Option<Presence>,
}

/// What a question to the model came to.
enum Asked {
    Answer(ChatAnswer),
    Lost,
    GivenBack,
}

impl Shared {
    /// Works on a claimed turn to some end; never fails, never panics out of the database's hands.
    pub(crate) async fn work(&self, turn: ClaimedTurn) {
        let span = tracing::info_span!(
            "agent.turn",
            organization.id = %turn.held.key.organization,
            conversation.id = %turn.held.key.conversation,
            message.id = %turn.message,
            turn.id = %turn.id,
            turn.attempt = turn.attempt,
        );
        let trace = turn
            .trace
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        sb_telemetry::set_parent(&span, trace);
        async {
            let started = Instant::now();
            let lease = self.leases.enter(turn.held);
            let outcome = match self.attempt(&turn, &lease).await {
                Ok(outcome) => outcome,
                Err(error) => self.after_failure(&turn, &error).await,
            };
            let waited = (self.clock.now() - turn.due_at)
                .to_std()
                .unwrap_or_default();
            self.metrics.turn(outcome, started.elapsed(), waited);
            tracing::info!(
                outcome = outcome.as_str(),
                duration_ms = started.elapsed().as_millis(),
                "turn ended"
            );
        }
        .instrument(span)
        .await;
    }

    async fn attempt(&self, turn: &ClaimedTurn, lease: &Lease<'_>) -> Result<Outcome, TurnError> {
        if turn.attempt > ATTEMPTS_MAX {
            let attempts = ATTEMPTS_MAX;
            return Err(TurnError::Crashed { attempts });
        }
        let Some(prepared) = self.prepare(turn).await? else {
            return self.drop_turn(turn).await;
        };
        let asked = self
            .ask(turn.held.key.organization, &prepared, lease)
            .await?;
        match asked {
            Asked::Answer(answer) => self.commit(turn, &prepared, &answer).await,
            Asked::Lost => Ok(Outcome::Superseded),
            Asked::GivenBack => self.release(turn).await,
        }
    }

    /// Reads everything in one short transaction, which also shows the contact that somebody is at work.
    async fn prepare(&self, turn: &ClaimedTurn) -> Result<Option<Prepared>, TurnError> {
        let (organization, conversation) = (turn.held.key.organization, turn.held.key.conversation);
        let now = self.clock.now();
        let mut tx = self.db.tenant(organization).await?;
        let Some(agent) = tx.agent_contexts().answering(conversation, now).await? else {
            return Ok(None);
        };
        let config = agent.config.clone().ok_or(TurnError::Configuration)?;
        let messages = tx
            .agent_contexts()
            .messages(conversation, config.max_messages, now)
            .await?;
        let wants_presence = config.read_and_typing && self.settings.read_receipts;
        let presence = prompt::latest_wamid(&messages)
            .filter(|_| wants_presence)
            .map(|wamid| Presence {
                organization,
                conversation,
                number: agent.number,
                wamid: wamid.to_owned(),
                origin: origin(turn),
            });
        if let Some(presence) = &presence {
            self.show(presence, &mut tx).await?;
        }
        tx.commit().await?;
        let chat = prompt::build(&PromptInput {
            agent: agent.id,
            instructions: &config.instructions,
            contact_name: &agent.contact_name,
            messages: &messages,
            now,
        });
        Ok(Some(Prepared {
            seen_sequence: prompt::seen_sequence(&messages),
            agent,
            config,
            chat,
            presence,
        }))
    }

    /// Asks the model, unless the turn is lost or the process ends meanwhile.
    async fn ask(
        &self,
        organization: OrganizationId,
        prepared: &Prepared,
        lease: &Lease<'_>,
    ) -> Result<Asked, TurnError> {
        let timeout = self.turn_timeout();
        let started = Instant::now();
        let chat = prepared.chat.clone();
        let asking = self.models.complete(
            organization,
            &prepared.agent,
            &prepared.config,
            chat,
            timeout,
        );
        let asking = Box::pin(tokio::time::timeout(timeout, asking));
        let asked = tokio::select! {
            biased;
            () = lease.lost() => return Ok(Asked::Lost),
            () = self.giving_back.cancelled() => return Ok(Asked::GivenBack),
            asked = asking => asked,
            () = self.keep_typing(prepared.presence.as_ref()) => return Ok(Asked::Lost),
        };
        match asked {
            Ok(Ok(answer)) => {
                self.metrics
                    .model("answered", started.elapsed(), answer.usage);
                Ok(Asked::Answer(answer))
            }
            Ok(Err(error)) => {
                self.metrics.model(error.kind(), started.elapsed(), None);
                Err(TurnError::Model(error))
            }
            Err(_elapsed) => {
                self.metrics.model("timeout", started.elapsed(), None);
                Err(TurnError::Timeout {
                    limit_seconds: timeout.as_secs(),
                })
            }
        }
    }

    async fn drop_turn(&self, turn: &ClaimedTurn) -> Result<Outcome, TurnError> {
        let mut tx = self.db.tenant(turn.held.key.organization).await?;
        let finished = tx.turns().drop_turn(turn.held, self.clock.now()).await?;
        tx.commit().await?;
        Ok(match finished {
            Finished::Held => Outcome::Unwanted,
            Finished::Superseded => Outcome::Superseded,
        })
    }

    async fn release(&self, turn: &ClaimedTurn) -> Result<Outcome, TurnError> {
        let mut tx = self.db.tenant(turn.held.key.organization).await?;
        let finished = tx.turns().release(turn.held, self.clock.now()).await?;
        tx.commit().await?;
        Ok(match finished {
            Finished::Held => Outcome::Released,
            Finished::Superseded => Outcome::Superseded,
        })
    }

    /// Another attempt, or the end of the turn with a word to whoever shall know.
    async fn after_failure(&self, turn: &ClaimedTurn, error: &TurnError) -> Outcome {
        let tries_again = error.is_retryable() && turn.attempt < ATTEMPTS_MAX;
        tracing::warn!(
            error = sb_telemetry::as_error(error),
            tries_again,
            "an agent could not answer"
        );
        let ended = if tries_again {
            self.try_later(turn, error).await
        } else {
            self.give_up(turn, error).await
        };
        ended.unwrap_or_else(|error| {
            tracing::warn!(
                error = sb_telemetry::as_error(&error),
                "a failed turn could not be put back, its lease will run out"
            );
            Outcome::Abandoned
        })
    }

    async fn try_later(&self, turn: &ClaimedTurn, error: &TurnError) -> Result<Outcome, TurnError> {
        let wait = backoff::wait(turn.attempt, error.retry_after(), rand::random());
        let now = self.clock.now();
        let due_at = now + delta(wait);
        let mut tx = self.db.tenant(turn.held.key.organization).await?;
        let finished = tx
            .turns()
            .retry(turn.held, &error.detail(), due_at, now)
            .await?;
        tx.commit().await?;
        Ok(match finished {
            Finished::Held => Outcome::Retried,
            Finished::Superseded => Outcome::Superseded,
        })
    }
}

/// What follows from the message that asked.
pub(super) fn origin(turn: &ClaimedTurn) -> Origin {
    let message = turn.message.as_uuid();
    Origin {
        causation: Some(message),
        correlation: Some(turn.correlation.unwrap_or(message)),
    }
}

pub(super) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
