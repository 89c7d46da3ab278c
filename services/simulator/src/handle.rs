//! The simulator as a value, for tests in the same process. Everything here can
//! be done over HTTP as well (`/_sim`).

use serde_json::{Value, json};

use crate::control::faults::set_global;
use crate::control::inbound::{Inbound, inject};
use crate::llm::scripts::Script;
use crate::state::Simulator;
use crate::state::accounts::Callback;
use crate::state::faults::Faults;
use crate::state::ids::Direction;
use crate::webhooks::handshake;

/// A handle to a running simulator.
#[derive(Debug, Clone)]
pub struct SimulatorHandle {
    simulator: Simulator,
}

/// Why a call of the handle failed.
#[derive(Debug, thiserror::Error)]
#[error("the simulator refuses: {0}")]
pub struct HandleError(String);

impl SimulatorHandle {
    pub(crate) const fn new(simulator: Simulator) -> Self {
        Self { simulator }
    }

    /// Base URL of the listener.
    pub fn base_url(&self) -> String {
        self.simulator.base_url().to_owned()
    }

    /// Sets the callback of the seeded app after Meta's handshake.
    ///
    /// # Errors
    ///
    /// When the address does not answer the challenge.
    pub async fn set_webhook(&self, url: &str) -> Result<(), HandleError> {
        let verify_token = self.simulator.settings().verify_token.clone();
        handshake::verify(self.simulator.egress(), url, &verify_token)
            .await
            .map_err(|error| HandleError(error.to_string()))?;
        let url = url.to_owned();
        self.simulator.change(|state, _| {
            let app_id = &self.simulator.settings().app_id;
            if let Some(app) = state.accounts.apps.get_mut(app_id) {
                app.callback = Some(Callback { url, verify_token });
            }
        });
        Ok(())
    }

    /// A phone writes to the seeded number; returns the wamid.
    ///
    /// # Errors
    ///
    /// When the phone number is malformed.
    pub fn phone_writes(&self, wa_id: &str, text: &str) -> Result<String, HandleError> {
        self.phone_sends(wa_id, json!({ "type": "text", "text": { "body": text } }))
    }

    /// A phone sends any message, in the form `/_sim/phones/{wa_id}/messages` takes.
    ///
    /// # Errors
    ///
    /// When the message is malformed.
    pub fn phone_sends(&self, wa_id: &str, message: Value) -> Result<String, HandleError> {
        let inbound: Inbound =
            serde_json::from_value(message).map_err(|error| HandleError(error.to_string()))?;
        inject(&self.simulator, wa_id, inbound).map_err(|error| HandleError(error.to_string()))
    }

    /// Bodies of the accepted sends, oldest first.
    pub fn sent(&self) -> Vec<Value> {
        self.simulator.read(|state| {
            let messages = state.messages.after(0);
            messages
                .filter(|message| message.direction == Direction::Outbound)
                .map(crate::state::messages::Message::json)
                .collect()
        })
    }

    /// Replaces the global faults.
    pub fn set_faults(&self, faults: Faults) {
        set_global(&self.simulator, faults);
    }

    /// Appends a scripted model answer; false when the queue is full.
    pub fn script(&self, script: Script) -> bool {
        self.simulator
            .change(|state, _| state.llm.add(vec![script]))
    }

    /// Updates no app has acknowledged yet.
    pub fn pending(&self) -> usize {
        self.simulator.queue().pending
    }

    /// Back to the seed.
    pub fn reset(&self) {
        self.simulator.reset();
    }
}
