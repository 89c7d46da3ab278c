//! The sections, grouped by who reads them. One field = one line of the reference table.

mod flows;
mod infrastructure;
mod partners;
mod services;

pub use flows::FlowSettings;
pub use infrastructure::{
    DatabaseSettings, EgressSettings, LogFormat, MediaSettings, NatsSettings, OpsSettings,
    OutboxSettings, TelemetrySettings, VaultSettings,
};
pub use partners::{LlmSettings, MetaApp, MetaAppsError, MetaSettings};
pub use services::{
    AgentSettings, AnnotatorSettings, DispatcherSettings, GatewaySettings, ManagerSettings,
    SimulatorSettings, WebhookRole, WebhookSettings,
};

use crate::section::settings;

settings! {
    /// Every setting of every service. One value per process; tests build it in code:
    /// `Settings { outbox: OutboxSettings { batch: 10, ..Default::default() }, ..Default::default() }`.
    {
        database: DatabaseSettings,
        nats: NatsSettings,
        ops: OpsSettings,
        telemetry: TelemetrySettings,
        vault: VaultSettings,
        meta: MetaSettings,
        egress: EgressSettings,
        media: MediaSettings,
        llm: LlmSettings,
        webhook: WebhookSettings,
        flows: FlowSettings,
        dispatcher: DispatcherSettings,
        agent: AgentSettings,
        annotator: AnnotatorSettings,
        manager: ManagerSettings,
        gateway: GatewaySettings,
        simulator: SimulatorSettings,
        outbox: OutboxSettings,
    }
}
