//! Wiring: settings to connections to the engine.

use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use sb_bus::{BatchOptions, Bus, Runner};
use sb_cloud_api::graph::Graph;
use sb_config::{DispatcherSettings, Need, OutboxSettings, Settings};
use sb_db::Db;
use sb_domain::Clock;
use sb_egress::Egress;
use sb_events::consumers::dispatch;
use sb_ids::Shard;
use sb_media::MediaStore;
use sb_outbox::Relay;
use sb_service::{Health, Lifecycle};
use sb_vault::Vault;
use tokio::sync::mpsc;

use crate::engine::{Arrival, Engine, Tools, Uploads};
use crate::events::Announcer;
use crate::handlers::CommandHandler;
use crate::metrics::Metrics;
use crate::origins::Origins;
use crate::read_marks::{ReadMark, ReadMarks};
use crate::rules::Patience;
use crate::tokens::Tokens;

/// What must be set.
pub const NEEDS: &[Need] = &[Need::DatabaseUrl, Need::NatsUrl, Need::VaultKeys];

/// Batches of commands that may wait for the engine.
const ARRIVALS_WAITING: usize = 64;
/// Read marks that may wait.
const READ_MARKS_WAITING: usize = 1_000;
/// A read mark is not worth waiting for as long as a send.
const READ_MARK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a shard's commands are gathered: they only say where to look.
const COMMANDS_LINGER: Duration = Duration::from_millis(2);
const COMMANDS_AT_ONCE: usize = 1_000;
/// The engine publishes nothing that is not published again, or made up for by a poll.
const NUDGE_DEADLINE: Duration = Duration::from_secs(3);

/// The service, connected, not yet running.
#[derive(Debug)]
pub struct App {
    bus: Bus,
    db: Db,
    graph: Graph,
    vault: Vault,
    media: MediaStore,
    ffmpeg: String,
    clock: Clock,
    settings: DispatcherSettings,
    outbox: OutboxSettings,
}

impl App {
    /// Connects to what it needs.
    ///
    /// # Errors
    /// When the settings are wrong, a server does not answer, or a migration is pending.
    pub async fn build(settings: &Settings, health: &Health) -> anyhow::Result<Self> {
        let vault = Vault::from_settings(&settings.vault).context("reading the vault's keys")?;
        let egress = Egress::new(&settings.egress).context("preparing outgoing HTTP")?;
        let meta = &settings.meta;
        let graph = Graph::new(egress, &meta.graph_url, &meta.api_version);
        let media = MediaStore::open(&settings.media).context("opening the media storage")?;
        let bus = Bus::connect(&settings.nats)
            .await
            .context("connecting to NATS")?;
        bus.ensure_streams()
            .await
            .context("preparing the streams")?;
        let db = Db::connect(&settings.database, bus.topology().clone()).await?;
        db.check_migrations().await?;
        let checked = bus.clone();
        health.register("nats", move || {
            let bus = checked.clone();
            async move { bus.healthy().await }
        });
        let checked = db.clone();
        health.register("postgres", move || {
            let db = checked.clone();
            async move {
                db.healthy().await?;
                db.check_migrations().await
            }
        });
        Ok(Self {
            bus,
            db,
            graph,
            vault,
            media,
            ffmpeg: settings.media.ffmpeg.clone(),
            clock: Clock::system(),
            settings: settings.dispatcher.clone(),
            outbox: settings.outbox.clone(),
        })
    }

    /// Runs until the lifecycle ends.
    ///
    /// # Errors
    /// When a task ends before it should.
    pub async fn run(self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        let tokens = Tokens::new(self.vault.clone());
        let metrics = Metrics::new();
        let origins = Origins::new();
        let (engine, arrivals) = mpsc::channel(ARRIVALS_WAITING);
        let (read_marks, marks) = mpsc::channel(READ_MARKS_WAITING);
        self.start_engine(&lifecycle, &tokens, &metrics, &origins, arrivals);
        let maker = ReadMarks::new(
            self.db.clone(),
            self.graph.clone().with_timeout(READ_MARK_TIMEOUT),
            tokens,
            self.clock.clone(),
            metrics,
        );
        let stopping = lifecycle.stopping();
        lifecycle.spawn("read-marks", maker.run(marks, stopping));
        self.start_consumers(&lifecycle, &engine, &read_marks, &origins);
        let relay = Relay::new(self.db.clone(), &self.bus, &self.outbox);
        lifecycle.spawn("outbox-relay", relay.run(lifecycle.stopping()));
        drop((engine, read_marks));
        lifecycle.drained().await?;
        Ok(())
    }

    fn start_engine(
        &self,
        lifecycle: &Lifecycle,
        tokens: &Tokens,
        metrics: &Metrics,
        origins: &Origins,
        arrivals: mpsc::Receiver<Arrival>,
    ) {
        let settings = &self.settings;
        let deadline = i64::try_from(settings.unknown_deadline_seconds).unwrap_or(i64::MAX);
        let unknown_deadline = TimeDelta::try_seconds(deadline).unwrap_or(TimeDelta::days(30));
        let timeout = Duration::from_millis(settings.send_timeout_ms);
        let tools = Tools {
            db: self.db.clone(),
            graph: self.graph.clone().with_timeout(timeout),
            tokens: tokens.clone(),
            uploads: Uploads::new(self.media.clone(), self.graph.clone(), &self.ffmpeg),
            publisher: self.bus.publisher().with_deadline(NUDGE_DEADLINE),
            announcer: Announcer::new(self.bus.topology().clone()),
            clock: self.clock.clone(),
            origins: origins.clone(),
            metrics: metrics.clone(),
            patience: Patience { unknown_deadline },
            stale_after: Tools::stale_after(settings),
        };
        let engine = Engine::new(tools, arrivals, settings);
        lifecycle.spawn("engine", engine.run(lifecycle.stopping()));
    }

    fn start_consumers(
        &self,
        lifecycle: &Lifecycle,
        engine: &mpsc::Sender<Arrival>,
        read_marks: &mpsc::Sender<ReadMark>,
        origins: &Origins,
    ) {
        for shard in Shard::all() {
            let handler = CommandHandler {
                shard,
                engine: engine.clone(),
                read_marks: read_marks.clone(),
                origins: origins.clone(),
            };
            let options = BatchOptions {
                max_items: COMMANDS_AT_ONCE,
                linger: COMMANDS_LINGER,
                in_flight: 1,
                ..BatchOptions::default()
            };
            let spec = dispatch(self.bus.topology(), shard);
            let runner = Runner::batches(&self.bus, spec, handler, options);
            let stopping = lifecycle.stopping();
            lifecycle.spawn("commands", async move { runner.run(stopping).await });
        }
    }
}
