//! Wiring: settings to connections to handlers.

use anyhow::Context;
use sb_bus::{Bus, EventOptions, Runner};
use sb_config::{Need, OutboxSettings, Settings};
use sb_db::Db;
use sb_domain::Clock;
use sb_events::proto::media::v1::MediaStored;
use sb_media::MediaStore;
use sb_outbox::Relay;
use sb_service::{Health, Lifecycle};

use crate::handlers::annotate::Annotate;

/// What must be set.
pub const NEEDS: &[Need] = &[Need::DatabaseUrl, Need::NatsUrl];

/// Documents read at once: each is held in memory as a whole.
const CONCURRENCY: usize = 2;

/// The service, connected, not yet running.
#[derive(Debug)]
pub struct App {
    bus: Bus,
    db: Db,
    handler: Annotate,
    outbox: OutboxSettings,
}

impl App {
    /// Connects to what the service needs.
    ///
    /// # Errors
    /// When the settings are wrong, a server does not answer, or a migration is pending.
    pub async fn build(settings: &Settings, health: &Health) -> anyhow::Result<Self> {
        let bus = Bus::connect(&settings.nats)
            .await
            .context("connecting to NATS")?;
        bus.ensure_streams()
            .await
            .context("preparing the streams")?;
        let db = Db::connect(&settings.database, bus.topology().clone()).await?;
        db.check_migrations().await?;
        let (checked_bus, checked_db) = (bus.clone(), db.clone());
        health.register("nats", move || {
            let bus = checked_bus.clone();
            async move { bus.healthy().await }
        });
        health.register("postgres", move || {
            let db = checked_db.clone();
            async move {
                db.healthy().await?;
                db.check_migrations().await
            }
        });
        let store = MediaStore::open(&settings.media).context("opening the media storage")?;
        let handler = Annotate::new(
            db.clone(),
            store,
            settings.annotator.max_document_bytes,
            Clock::system(),
        );
        Ok(Self {
            bus,
            db,
            handler,
            outbox: settings.outbox.clone(),
        })
    }

    /// Runs until the lifecycle ends.
    ///
    /// # Errors
    /// When a task ends before it should.
    pub async fn run(self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        let spec = sb_events::consumers::annotations(self.bus.topology());
        let options = EventOptions {
            concurrency: CONCURRENCY,
            ..EventOptions::default()
        };
        let runner = Runner::events::<MediaStored, _>(&self.bus, spec, self.handler, options);
        let stopping = lifecycle.stopping();
        lifecycle.spawn("annotate", async move { runner.run(stopping).await });
        let relay = Relay::new(self.db, &self.bus, &self.outbox);
        let stopping = lifecycle.stopping();
        lifecycle.spawn("outbox", async move { relay.run(stopping).await });
        lifecycle.drained().await?;
        Ok(())
    }
}
