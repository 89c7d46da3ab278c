//! The end of a turn that got no answer: said once, to whoever the agent's configuration names.

use sb_db::{ClaimedTurn, Finished};
use sb_domain::agent::ErrorDirection;
use sb_domain::content::MessageContent;

use super::{Outcome, Shared, TurnError};

/// All that a contact learns; what went wrong is in the note.
const APOLOGY: &str =
    "Sorry, we could not answer your message just now. Please try again in a little while.";

impl Shared {
    /// Ends the turn as failed, with a note for the organization and, where the agent is configured so, a short
    /// apology to the contact.
    pub(super) async fn give_up(
        &self,
        turn: &ClaimedTurn,
        error: &TurnError,
    ) -> Result<Outcome, TurnError> {
        let conversation = turn.held.key.conversation;
        let detail = error.detail().replace('\0', "");
        let now = self.clock.now();
        let mut tx = self.db.tenant(turn.held.key.organization).await?;
        let finished = tx.turns().fail(turn.held, &detail, now).await?;
        if finished == Finished::Superseded {
            tx.rollback().await?;
            return Ok(Outcome::Superseded);
        }
        // Without an agent there is nobody in whose name to speak; the turn's row keeps the error.
        if let Some(agent) = tx.agent_contexts().answering(conversation, now).await? {
            let note = format!("The agent could not answer: {detail}.");
            let note = self.message(turn, agent.id, MessageContent::note(note));
            tx.queue().note(&note, now).await?;
            let direction = agent.config.map(|config| config.error_messages_direction);
            if direction == Some(ErrorDirection::Outgoing) {
                let apology = self.message(turn, agent.id, MessageContent::text(APOLOGY));
                tx.queue().send(&apology, now).await?;
            }
        }
        tx.commit().await?;
        Ok(Outcome::Failed)
    }
}
