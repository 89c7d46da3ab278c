//! `.switchboard/dev.json`: where everything is, for scripts; and the same for people.

use std::path::Path;

use sb_config::Settings;
use serde_json::{Value, json};

use super::addresses::Addresses;
use super::state::{DemoTenant, write_private};

/// Everything a script needs to drive a running `switchboard dev`.
pub(crate) struct Descriptor(Value);

impl Descriptor {
    pub(crate) fn new(settings: &Settings, addresses: &Addresses, tenant: &DemoTenant) -> Self {
        Self(json!({
            "gateway_url": format!("http://{}", addresses.gateway),
            "webhook_url": addresses.webhook_url(),
            "simulator_url": format!("http://{}", addresses.simulator),
            // Not part of this version yet.
            "console_url": null,
            "mcp_url": null,
            "metrics_urls": [format!("http://{}/metrics", addresses.ops)],
            "database_url": settings.database.url.as_str(),
            "nats_url": settings.nats.url.as_str(),
            "organization_id": tenant.organization_id,
            "api_key": tenant.api_key,
            "operator_key": settings.gateway.operator_key.expose(),
            "phone_number_id": settings.simulator.phone_number_id,
            "waba_id": settings.simulator.waba_id,
            "app_id": settings.simulator.app_id,
            "app_secret": settings.simulator.app_secret,
            "verify_token": settings.simulator.verify_token,
        }))
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        write_private(path, &serde_json::to_vec_pretty(&self.0)?)
    }

    /// What people read after the start.
    pub(crate) fn welcome(&self, path: &Path) -> String {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str).unwrap_or_default();
        let (gateway, key) = (text("gateway_url"), text("api_key"));
        format!(
            "
Switchboard is running.

  Phones (simulator)   {}
  API                  {gateway}    reference: {gateway}/docs
  Webhook              {}
  Metrics              {}
  API key              {key}
  For scripts          {}

Open the phones, write something, and watch the agent answer. Then:

  curl -H 'Authorization: Bearer {key}' {gateway}/v1/conversations

Ctrl-C stops everything.
",
            text("simulator_url"),
            text("webhook_url"),
            self.0
                .pointer("/metrics_urls/0")
                .and_then(Value::as_str)
                .unwrap_or_default(),
            path.display(),
        )
    }
}
