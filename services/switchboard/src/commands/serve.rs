//! Running services: one, or all of them in one process.

use std::process::ExitCode;

use sb_config::{Need, Settings};
use sb_service::{Health, Lifecycle};

use crate::cli::ServiceName;

/// Runs one service with everything a service binary has.
pub(crate) fn one(service: ServiceName, settings: Settings) -> ExitCode {
    let (name, needs) = match service {
        ServiceName::WhatsappWebhook => ("whatsapp-webhook", whatsapp_webhook::NEEDS),
        ServiceName::WhatsappDispatcher => ("whatsapp-dispatcher", whatsapp_dispatcher::NEEDS),
        ServiceName::WhatsappManager => ("whatsapp-manager", whatsapp_manager::NEEDS),
        ServiceName::AgentClient => ("agent-client", agent_client::NEEDS),
        ServiceName::Annotator => ("annotator", annotator::NEEDS),
        ServiceName::Gateway => ("gateway", gateway::NEEDS),
        ServiceName::Simulator => ("simulator", simulator::NEEDS),
    };
    sb_service::run_app(name, settings, async |settings, health, lifecycle| {
        settings.require(needs)?;
        start(service, &settings, &health, lifecycle).await
    })
}

async fn start(
    service: ServiceName,
    settings: &Settings,
    health: &Health,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    match service {
        ServiceName::WhatsappWebhook => {
            whatsapp_webhook::App::build(settings, health)
                .await?
                .run(lifecycle)
                .await
        }
        ServiceName::WhatsappDispatcher => {
            whatsapp_dispatcher::App::build(settings, health)
                .await?
                .run(lifecycle)
                .await
        }
        ServiceName::WhatsappManager => {
            whatsapp_manager::App::build(settings, health)
                .await?
                .run(lifecycle)
                .await
        }
        ServiceName::AgentClient => {
            agent_client::App::build(settings, health)
                .await?
                .run(lifecycle)
                .await
        }
        ServiceName::Annotator => {
            annotator::App::build(settings, health)
                .await?
                .run(lifecycle)
                .await
        }
        ServiceName::Gateway => {
            gateway::App::build(settings, health)
                .await?
                .run(lifecycle)
                .await
        }
        ServiceName::Simulator => {
            simulator::App::build(settings, health)?
                .run(lifecycle)
                .await
        }
    }
}

/// Runs every service but the simulator in this process.
pub(crate) fn all(settings: Settings) -> ExitCode {
    sb_service::run_app(
        "switchboard",
        settings,
        async |settings, health, lifecycle| {
            settings.require(&needs())?;
            let services = Services::build(&settings, &health).await?;
            services.run(&lifecycle);
            lifecycle.drained().await?;
            Ok(())
        },
    )
}

/// What all services together need.
pub(super) fn needs() -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    let lists = [
        whatsapp_webhook::NEEDS,
        whatsapp_dispatcher::NEEDS,
        whatsapp_manager::NEEDS,
        agent_client::NEEDS,
        annotator::NEEDS,
        gateway::NEEDS,
    ];
    for need in lists.into_iter().flatten() {
        if !needs.contains(need) {
            needs.push(*need);
        }
    }
    needs
}

/// Every service but the simulator, connected and bound.
pub(crate) struct Services {
    pub(crate) webhook: whatsapp_webhook::App,
    pub(crate) gateway: gateway::App,
    dispatcher: whatsapp_dispatcher::App,
    manager: whatsapp_manager::App,
    agents: agent_client::App,
    annotator: annotator::App,
}

impl Services {
    pub(crate) async fn build(settings: &Settings, health: &Health) -> anyhow::Result<Self> {
        Ok(Self {
            webhook: whatsapp_webhook::App::build(settings, &health.scoped("whatsapp-webhook"))
                .await?,
            gateway: gateway::App::build(settings, &health.scoped("gateway")).await?,
            dispatcher: whatsapp_dispatcher::App::build(
                settings,
                &health.scoped("whatsapp-dispatcher"),
            )
            .await?,
            manager: whatsapp_manager::App::build(settings, &health.scoped("whatsapp-manager"))
                .await?,
            agents: agent_client::App::build(settings, &health.scoped("agent-client")).await?,
            annotator: annotator::App::build(settings, &health.scoped("annotator")).await?,
        })
    }

    pub(crate) fn run(self, lifecycle: &Lifecycle) {
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
