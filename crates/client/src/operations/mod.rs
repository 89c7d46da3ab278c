//! One method for every operation.

mod agents;
mod api_keys;
mod contacts;
mod conversations;
mod media;
mod messages;
mod numbers;
mod organizations;
