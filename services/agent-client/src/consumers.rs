//! The table of consumers.

use std::sync::Arc;
use std::time::Duration;

use sb_bus::{BatchOptions, Bus, Runner};
use sb_events::consumers;
use tokio::sync::Notify;

use crate::handlers::message_received::AskForAnswers;
use crate::turn::SharedRef;

/// Received messages → [`AskForAnswers`].
pub(crate) fn messages(bus: &Bus, shared: SharedRef, wake: Arc<Notify>) -> Runner {
    let options = BatchOptions {
        // Every message waits for its turn's delay anyway; larger batches are what this saves on.
        linger: Duration::from_millis(5),
        ..BatchOptions::default()
    };
    Runner::batches(
        bus,
        consumers::agent_turns(bus.topology()),
        AskForAnswers { shared, wake },
        options,
    )
}
