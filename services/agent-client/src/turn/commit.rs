//! The answer and the end of its turn, in one transaction.

use sb_db::{ClaimedTurn, Finished, NewOutgoing};
use sb_domain::content::MessageContent;
use sb_domain::delivery::OnUnknown;
use sb_ids::{AgentId, MessageId};
use sb_llm::{ChatAnswer, FinishReason};

use super::attempt::{Prepared, origin};
use super::{Outcome, Shared, TurnError};
use crate::answer::{self, Reply};

impl Shared {
    /// Queues the answer, behind the welcome when the contact has heard nothing yet, and ends the turn. Repeating is
    /// harmless: the turn ends once under its epoch, and without that nothing is written.
    pub(super) async fn commit(
        &self,
        turn: &ClaimedTurn,
        prepared: &Prepared,
        answer: &ChatAnswer,
    ) -> Result<Outcome, TurnError> {
        let reply = answer::reply(answer);
        let agent = prepared.agent.id;
        let now = self.clock.now();
        let mut tx = self.db.tenant(turn.held.key.organization).await?;
        let finished = tx
            .turns()
            .finish(turn.held, prepared.seen_sequence, now)
            .await?;
        if finished == Finished::Superseded {
            tx.rollback().await?;
            return Ok(Outcome::Superseded);
        }
        let mut texts: Vec<&str> = Vec::new();
        if let Some(welcome) = &prepared.config.welcome_message {
            let conversation = turn.held.key.conversation;
            // Asked under the conversation's lock: two turns cannot both be the first.
            if !tx.agent_contexts().has_outgoing(conversation).await? {
                texts.push(welcome);
            }
        }
        texts.extend(reply.messages.iter().map(String::as_str));
        for text in &texts {
            let message = self.message(turn, agent, MessageContent::text(*text));
            tx.queue().send(&message, now).await?;
        }
        if let Some(remark) = remark(&reply, answer) {
            let note = self.message(turn, agent, MessageContent::note(remark));
            tx.queue().note(&note, now).await?;
        }
        tx.commit().await?;
        Ok(if texts.is_empty() {
            Outcome::Silent
        } else {
            Outcome::Answered
        })
    }

    /// A message of the agent, written in this turn.
    pub(super) fn message(
        &self,
        turn: &ClaimedTurn,
        agent: AgentId,
        content: MessageContent,
    ) -> NewOutgoing {
        NewOutgoing {
            id: MessageId::new(self.clock.now()),
            conversation: turn.held.key.conversation,
            content,
            agent: Some(agent),
            turn: Some(turn.id),
            api_key: None,
            send_at: None,
            expires_at: None,
            on_unknown: OnUnknown::Hold,
            fallback: None,
            origin: origin(turn),
        }
    }
}

/// What the organization should know about an answer that is not what the model wanted to say.
fn remark(reply: &Reply, answer: &ChatAnswer) -> Option<&'static str> {
    if reply.is_cut {
        Some("The agent's answer was longer than ten messages; the rest was not sent.")
    } else if reply.messages.is_empty() && answer.finish_reason == FinishReason::ContentFilter {
        Some("The model provider withheld the agent's answer (content filter); nothing was sent.")
    } else if reply.messages.is_empty() && answer.finish_reason == FinishReason::Length {
        Some("The model used up its tokens before it said anything; raise the agent's max_tokens.")
    } else {
        None
    }
}
