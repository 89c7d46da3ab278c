//! Putting the service together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sb_bus::{Bus, Runner};
use sb_config::{Need, Settings};
use sb_db::Db;
use sb_domain::Clock;
use sb_egress::Egress;
use sb_ids::TurnId;
use sb_outbox::Relay;
use sb_service::{Health, Lifecycle};
use sb_vault::Vault;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::consumers;
use crate::metrics::TurnMetrics;
use crate::turn::leases::Leases;
use crate::turn::model::Models;
use crate::turn::scheduler::Scheduler;
use crate::turn::{self, Shared, SharedRef};

/// What the service cannot start without.
pub const NEEDS: &[Need] = &[Need::DatabaseUrl, Need::NatsUrl, Need::VaultKeys];

/// The service, connected and ready to run.
#[derive(Debug)]
pub struct App {
    shared: SharedRef,
    wake: Arc<Notify>,
    messages: Runner,
    relay: Relay,
    owner: Uuid,
    grace: Duration,
}

impl App {
    /// Connects, checks that no migration is pending, and creates the streams.
    ///
    /// # Errors
    /// What is missing in the settings, or what does not answer.
    pub async fn build(settings: &Settings, health: &Health) -> anyhow::Result<Self> {
        settings.require(NEEDS)?;
        let vault = Vault::from_settings(&settings.vault).context("reading the vault's keys")?;
        let egress = Egress::new(&settings.egress).context("building the HTTP client")?;
        let bus = Bus::connect(&settings.nats)
            .await
            .context("connecting to NATS")?;
        let db = Db::connect(&settings.database, bus.topology().clone())
            .await
            .context("connecting to PostgreSQL")?;
        db.check_migrations()
            .await
            .context("checking the migrations")?;
        bus.ensure_streams().await.context("creating the streams")?;
        register(health, &db, &bus);

        let clock = Clock::system();
        let shared: SharedRef = Arc::new(Shared {
            leases: Leases::new(db.clone(), clock.clone(), turn::lease(&settings.agent)),
            models: Models::new(egress, settings.llm.clone(), vault),
            metrics: TurnMetrics::new(),
            settings: settings.agent.clone(),
            giving_back: CancellationToken::new(),
            db: db.clone(),
            clock: clock.clone(),
        });
        let wake = Arc::new(Notify::new());
        Ok(Self {
            messages: consumers::messages(&bus, Arc::clone(&shared), Arc::clone(&wake)),
            relay: Relay::new(db, &bus, &settings.outbox),
            // Any unique id will do.
            owner: TurnId::new(clock.now()).as_uuid(),
            // The other half of the deadline is for giving back.
            grace: Duration::from_secs(settings.ops.shutdown_deadline_seconds) / 2,
            shared,
            wake,
        })
    }

    /// Runs until shutdown and returns when every turn in flight is finished or given back.
    ///
    /// # Errors
    /// The first task that failed.
    pub async fn run(self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        let stopping = lifecycle.stopping();
        let ended = CancellationToken::new();
        let scheduler = Scheduler {
            shared: Arc::clone(&self.shared),
            lifecycle: lifecycle.clone(),
            wake: self.wake,
            owner: self.owner,
            grace: self.grace,
            ended: ended.clone(),
        };
        lifecycle.spawn("messages", self.messages.run(stopping.clone()));
        lifecycle.spawn("turns", scheduler.run());
        let shared = self.shared;
        lifecycle.spawn("leases", async move { shared.leases.keep(ended).await });
        lifecycle.spawn("outbox relay", self.relay.run(stopping));
        Ok(lifecycle.drained().await?)
    }
}

fn register(health: &Health, db: &Db, bus: &Bus) {
    let (checked_db, checked_bus) = (db.clone(), bus.clone());
    health.register("postgres", move || {
        let db = checked_db.clone();
        async move {
            db.healthy().await?;
            db.check_migrations().await
        }
    });
    health.register("nats", move || {
        let bus = checked_bus.clone();
        async move { bus.healthy().await }
    });
}
