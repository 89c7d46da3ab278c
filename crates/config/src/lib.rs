#![doc = include_str!("../README.md")]

mod connection_url;
mod error;
mod load;
mod need;
mod print;
mod reference;
mod secret;
mod section;
mod sections;
mod validate;

pub use connection_url::ConnectionUrl;
pub use error::{ConfigError, UnknownVariable};
pub use load::Sources;
pub use need::{MissingSettings, Need};
pub use reference::reference_markdown;
pub use secret::Secret;
pub use section::Field;
pub use sections::{
    AgentSettings, AnnotatorSettings, DatabaseSettings, DispatcherSettings, EgressSettings,
    FlowSettings, GatewaySettings, LlmSettings, LogFormat, ManagerSettings, MediaSettings, MetaApp,
    MetaAppsError, MetaSettings, NatsSettings, OpsSettings, OutboxSettings, Settings,
    SimulatorSettings, TelemetrySettings, VaultSettings, WebhookRole, WebhookSettings,
};
