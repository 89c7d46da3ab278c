//! One method for every operation.

mod agents;
mod api_keys;
mod contacts;
mod conversations;
mod flow_endpoints;
mod media;
mod messages;
mod numbers;
mod organizations;
mod quarantine;
