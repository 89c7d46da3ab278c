//! Benchmarks with real processes: private servers, services as children, a load generator in this process.
//!
//! Each prints what it measured next to the physical limit measured in the same run on the same machine.

pub(crate) mod ceiling;
mod children;
mod costs;
pub(crate) mod dispatch;
pub(crate) mod graph_stub;
pub(crate) mod ingest;
mod load;
pub(crate) mod pipeline;
mod report;
mod tenant;
mod webhooks;
