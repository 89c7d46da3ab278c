//! What goes over the wire.

pub(crate) mod agents;
pub(crate) mod api_keys;
pub(crate) mod contacts;
pub(crate) mod conversations;
pub(crate) mod flow_endpoints;
pub(crate) mod list;
pub(crate) mod media;
pub(crate) mod messages;
pub(crate) mod numbers;
pub(crate) mod organizations;
pub(crate) mod quarantine;
