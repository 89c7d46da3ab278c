#![doc = include_str!("../README.md")]

mod audit;
mod binary;
mod events;
mod http;
mod in_process;
mod meta;
mod orders;
mod phones;
mod port;
mod post;
mod processes;
mod service;
mod tenant;
mod waiting;

pub use audit::{Audit, Findings};
pub use binary::{CommandOutput, repository, run_switchboard, switchboard};
pub use events::{EventFollower, event_text};
pub use http::{Answer, Api, Http};
pub use in_process::InProcess;
pub use meta::{Meta, Sent};
pub use orders::{Order, Orders};
pub use phones::{Question, Traffic, TrafficPlan, Via};
pub use port::free_address;
pub use post::{Post, change, envelope, text_message};
pub use processes::{Processes, Victim};
pub use service::{ServiceName, ServiceProcess};
pub use tenant::{Account, Onboarding, Tenant};
pub use waiting::{until, until_some};

/// The operator's credential of every installation that is made here.
pub const OPERATOR_KEY: &str = "operator-key-of-the-end-to-end-tests";
