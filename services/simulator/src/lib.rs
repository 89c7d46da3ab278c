//! **Role:** stands in for Meta and for the model providers. Never in production.
//! **In:** Graph calls (`/v26.0/…`), chat completions (`/openai/v1`), the control API (`/_sim`), a browser (`/`).
//! **Out:** signed webhooks to the configured callbacks. **Tables, subjects:** none; everything is in memory.
//! **Next:** a webhook goes on in `whatsapp-webhook`; a send came from `whatsapp-dispatcher`, a completion
//! was asked for by `agent-client`.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod app;
mod control;
mod flows;
mod graph;
mod handle;
mod llm;
mod page;
mod routes;
mod state;
mod webhooks;

pub use app::{App, NEEDS};
pub use handle::SimulatorHandle;
pub use llm::scripts::{LlmFaults, Script, ScriptedToolCall};
pub use state::Simulator;
pub use state::accounts::Callback;
pub use state::faults::{ChanceFault, ErrorFault, Faults, MediaFault, MediaTrouble, WindowCheck};
pub use state::messages::Progress;
