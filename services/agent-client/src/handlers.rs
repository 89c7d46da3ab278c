//! What happens with events.

pub(crate) mod message_received;
