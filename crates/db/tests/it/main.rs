//! The schema keeps tenants apart, and what the repositories promise: on a real PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot set up its case must fail"
)]

mod addressing;
mod crossing;
mod flow_keys;
mod identity;
mod isolation;
mod media;
mod number_profiles;
mod operation;
mod pair;
mod rows;
mod schema;
mod schema_rules;
mod transactions;
