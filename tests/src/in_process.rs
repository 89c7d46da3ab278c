//! All services in this process: what the walkthroughs go through.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use sb_config::Settings;
use sb_db::Db;
use sb_service::{Health, Lifecycle};
use sb_testkit::Servers;
use serde_json::json;

use crate::OPERATOR_KEY;
use crate::http::{Api, Http};
use crate::meta::Meta;
use crate::tenant::{Account, Onboarding, Tenant};

/// What services get to end when a test is over.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// Every service and the simulator on free ports, with a database and streams of their own on the shared servers.
#[derive(Debug)]
pub struct InProcess {
    /// The simulated Meta.
    pub meta: Meta,
    /// For tests' own requests.
    pub http: Http,
    /// The settings of all services.
    pub settings: Settings,
    /// The database.
    pub db: Db,
    /// What the services say of themselves.
    pub health: Health,
    gateway: SocketAddr,
    webhook: SocketAddr,
    manager: SocketAddr,
    lifecycle: Lifecycle,
    _servers: Servers,
}

impl InProcess {
    /// Starts everything with the usual settings.
    ///
    /// # Errors
    /// When a service does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Box::pin(Self::with(|_| {})).await
    }

    /// Starts everything; the test may change settings before.
    ///
    /// # Errors
    /// When a service does not start.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> anyhow::Result<Self> {
        let servers = Servers::start().await;
        let mut settings = servers.settings();
        settings.ops.shutdown_deadline_seconds = SHUTDOWN.as_secs();
        settings.gateway.operator_key = OPERATOR_KEY.into();
        settings.llm.openai_api_key = "any-key".into();
        settings.agent.poll_interval_ms = 50;
        // Six services open a pool each, in every test that runs at the same time.
        settings.database.max_connections = 4;
        change(&mut settings);

        let lifecycle = Lifecycle::new(SHUTDOWN);
        let simulator = simulator::App::build(&settings, &Health::new())?;
        let meta_url = format!("http://{}", simulator.http_addr());
        lifecycle.spawn("simulator", simulator.run(lifecycle.child("simulator")));
        settings.meta.graph_url.clone_from(&meta_url);
        settings.llm.openai_url = format!("{meta_url}/openai/v1");
        let health = Health::new();
        let services = Services::build(&settings, &health).await?;
        let http = Http::new()?;
        let stage = Self {
            meta: Meta::new(http.clone(), meta_url),
            http,
            db: servers.db().await,
            health,
            gateway: services.gateway.http_addr(),
            webhook: services
                .webhook
                .http_addr()
                .context("the webhook service does not listen")?,
            manager: services.manager.http_addr(),
            settings,
            lifecycle,
            _servers: servers,
        };
        services.run(&stage.lifecycle);
        // Quick ticks; tests that care say otherwise.
        stage
            .meta
            .set_faults(&json!({ "sent_ms": 0, "delivered_ms": 0, "read_ms": 0 }))
            .await?;
        stage.meta.set_webhook(&stage.webhook_url()).await?;
        Ok(stage)
    }

    /// The gateway's API, without a credential.
    pub fn gateway(&self) -> Api {
        Api::new(self.http.clone(), format!("http://{}", self.gateway))
    }

    /// Where Meta posts.
    pub fn webhook_url(&self) -> String {
        format!("http://{}/webhooks/whatsapp", self.webhook)
    }

    /// The manager's API, which stands behind the gateway.
    pub fn manager_url(&self) -> String {
        format!("http://{}", self.manager)
    }

    /// Makes a tenant whose number both sides know.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn tenant(&self, plan: &Onboarding) -> anyhow::Result<Tenant> {
        self.meta.put_account(plan.account).await?;
        Tenant::make(&self.gateway(), plan).await
    }

    /// A tenant with the simulator's own number and an agent that echoes at once.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn echoing_tenant(&self) -> anyhow::Result<Tenant> {
        self.tenant(&Onboarding::echoing("Flowers", Account::FIRST))
            .await
    }
}

impl InProcess {
    /// Tells every service to end and waits until what was in flight is done.
    ///
    /// # Errors
    /// When a task failed or did not end in time.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.lifecycle.shutdown();
        Ok(self.lifecycle.drained().await?)
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.lifecycle.shutdown();
    }
}

/// Every service of the product, connected and bound.
struct Services {
    webhook: whatsapp_webhook::App,
    gateway: gateway::App,
    dispatcher: whatsapp_dispatcher::App,
    manager: whatsapp_manager::App,
    agents: agent_client::App,
    annotator: annotator::App,
}

impl Services {
    async fn build(settings: &Settings, health: &Health) -> anyhow::Result<Self> {
        let of = |name| health.scoped(name);
        Ok(Self {
            webhook: whatsapp_webhook::App::build(settings, &of("whatsapp-webhook")).await?,
            gateway: gateway::App::build(settings, &of("gateway")).await?,
            dispatcher: whatsapp_dispatcher::App::build(settings, &of("whatsapp-dispatcher"))
                .await?,
            manager: whatsapp_manager::App::build(settings, &of("whatsapp-manager")).await?,
            agents: agent_client::App::build(settings, &of("agent-client")).await?,
            annotator: annotator::App::build(settings, &of("annotator")).await?,
        })
    }

    fn run(self, lifecycle: &Lifecycle) {
        let child = |name| lifecycle.child(name);
        lifecycle.spawn(
            "whatsapp-webhook",
            self.webhook.run(child("whatsapp-webhook")),
        );
        lifecycle.spawn("gateway", self.gateway.run(child("gateway")));
        lifecycle.spawn(
            "whatsapp-dispatcher",
            self.dispatcher.run(child("whatsapp-dispatcher")),
        );
        lifecycle.spawn(
            "whatsapp-manager",
            self.manager.run(child("whatsapp-manager")),
        );
        lifecycle.spawn("agent-client", self.agents.run(child("agent-client")));
        lifecycle.spawn("annotator", self.annotator.run(child("annotator")));
    }
}
