#![doc = include_str!("../README.md")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot set up its case must fail, and this crate sets up cases"
)]

mod bus;
mod database;
mod ending;
mod flow;
mod installation;
mod scanner;
mod servers;
mod sounds;
mod tenant;
mod tenant_server;
mod wait;
mod webhook;

pub use bus::TestBus;
pub use database::TestDb;
pub use flow::TestFlowEndpoint;
pub use installation::Servers;
pub use scanner::TestScanner;
pub use servers::TestServers;
pub use sounds::{has_ffmpeg, wav};
pub use tenant::{TenantSeed, TestTenant};
pub use tenant_server::{TenantAnswer, TenantRequest, TenantServer};
pub use wait::{settled, wait_for, wait_until};
pub use webhook::{SignedPost, WebhookPost, inbound_text, status};
