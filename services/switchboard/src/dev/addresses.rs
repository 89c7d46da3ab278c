//! Where everything listens: the preferred ports, or free ones.

use std::net::{SocketAddr, TcpListener};

use sb_config::Settings;

use crate::cli::DevArgs;

/// One address for each listener.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) gateway: SocketAddr,
    pub(crate) webhook: SocketAddr,
    pub(crate) simulator: SocketAddr,
    pub(crate) manager: SocketAddr,
    pub(crate) ops: SocketAddr,
}

impl Addresses {
    /// Takes the preferred ports where they are free.
    pub(crate) fn choose(args: &DevArgs) -> anyhow::Result<Self> {
        // All are held until all are chosen, so that no two get the same.
        let held = [
            hold(args.gateway_port)?,
            hold(args.webhook_port)?,
            hold(args.simulator_port)?,
            hold(8083)?,
            hold(9090)?,
        ];
        let [gateway, webhook, simulator, manager, ops] = held;
        Ok(Self {
            gateway: gateway.local_addr()?,
            webhook: webhook.local_addr()?,
            simulator: simulator.local_addr()?,
            manager: manager.local_addr()?,
            ops: ops.local_addr()?,
        })
    }

    /// Where Meta, that is the simulator, posts to.
    pub(crate) fn webhook_url(&self) -> String {
        format!("http://{}/webhooks/whatsapp", self.webhook)
    }

    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.gateway.bind = self.gateway.to_string();
        settings.gateway.public_url = format!("http://{}", self.gateway);
        settings.webhook.bind = self.webhook.to_string();
        settings.webhook.public_url = self.webhook_url();
        settings.manager.bind = self.manager.to_string();
        settings.ops.bind = self.ops.to_string();
        settings.simulator.bind = self.simulator.to_string();
        settings.simulator.webhook_url = self.webhook_url();
        settings.meta.graph_url = format!("http://{}", self.simulator);
        // A key of the developer's own means: talk to the real model.
        if !settings.llm.openai_api_key.is_set() {
            settings.llm.openai_url = format!("http://{}/openai/v1", self.simulator);
            settings.llm.openai_api_key = "simulator".into();
        }
    }
}

fn hold(preferred: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", preferred)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)))
}
