//! Webhooks: from a change to signed posts at the subscribed apps.

pub(crate) mod build;
pub(crate) mod deliver;
pub(crate) mod encode;
pub(crate) mod handshake;
pub(crate) mod queue;
pub(crate) mod retry;
pub(crate) mod sign;
