//! Wiring: settings to connections to handlers.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App as HttpApp, HttpServer, web};
use anyhow::Context;
use sb_bus::{BatchOptions, Bus, Runner};
use sb_cloud_api::signature::SignatureKeys;
use sb_config::{NatsSettings, Need, Settings, WebhookRole, WebhookSettings};
use sb_db::Db;
use sb_domain::Clock;
use sb_ids::MetaAppId;
use sb_outbox::Relay;
use sb_service::{Health, Lifecycle};

use crate::flows::Flows;
use crate::ingest::{IngestHandler, again};
use crate::media::Fetching;
use crate::receive::{Budget, Committer, Receiver};
use crate::routes;

/// What must be set.
pub const NEEDS: &[Need] = &[
    Need::DatabaseUrl,
    Need::NatsUrl,
    Need::MetaApps,
    Need::MetaVerifyToken,
];

/// What must be set besides where posts are received: flows are decrypted there.
const RECEIVE_NEEDS: &[Need] = &[Need::VaultKeys];

/// What must be set besides where files are fetched: it is done with numbers' tokens.
const MEDIA_NEEDS: &[Need] = &[Need::VaultKeys];

/// Connections a worker accepts at once; Meta opens far fewer.
const MAX_CONNECTIONS: usize = 2_048;

/// What an envelope adds to the largest post.
const ENVELOPE_OVERHEAD: usize = 64 * 1024;

/// The service, connected and bound, not yet running.
#[derive(Debug)]
pub struct App {
    receive: Option<Receiving>,
    ingest: Option<Ingesting>,
    media: Option<Fetching>,
    /// Of what ingest and media announce.
    relay: Option<Relay>,
}

#[derive(Debug)]
struct Receiving {
    listener: TcpListener,
    address: SocketAddr,
    receiver: Arc<Receiver>,
    flows: Arc<Flows>,
    nats: NatsSettings,
    settings: WebhookSettings,
    shutdown_seconds: u64,
}

#[derive(Debug)]
struct Ingesting {
    bus: Bus,
    db: Db,
    handler: IngestHandler,
    options: BatchOptions,
}

impl App {
    /// Connects to what the role needs and binds the listener.
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
        let checked = bus.clone();
        health.register("nats", move || {
            let bus = checked.clone();
            async move { bus.healthy().await }
        });
        let needed = settings.webhook.max_body_bytes + ENVELOPE_OVERHEAD;
        anyhow::ensure!(
            bus.max_payload() >= needed,
            "nats-server takes messages of {} bytes, Meta's posts need {needed}: raise its max_payload",
            bus.max_payload()
        );
        let role = settings.webhook.role;
        let receive = match role {
            WebhookRole::All | WebhookRole::Receive => Some(Receiving::build(settings)?),
            WebhookRole::Ingest | WebhookRole::Media => None,
        };
        let db = match role {
            WebhookRole::All | WebhookRole::Ingest | WebhookRole::Media => {
                Some(connect(settings, health, &bus).await?)
            }
            WebhookRole::Receive => None,
        };
        let relay = db
            .as_ref()
            .map(|db| Relay::new(db.clone(), &bus, &settings.outbox));
        let ingest = match (role, &db) {
            (WebhookRole::All | WebhookRole::Ingest, Some(db)) => {
                Some(Ingesting::build(settings, bus.clone(), db.clone()))
            }
            _ => None,
        };
        let media = match (role, db) {
            (WebhookRole::All | WebhookRole::Media, Some(db)) => {
                settings.require(MEDIA_NEEDS)?;
                Some(Fetching::build(settings, bus, db)?)
            }
            _ => None,
        };
        Ok(Self {
            receive,
            ingest,
            media,
            relay,
        })
    }

    /// Where webhooks are accepted; `None` for a process that receives none.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.receive.as_ref().map(|receive| receive.address)
    }

    /// Runs until the lifecycle ends.
    ///
    /// # Errors
    /// When a task ends before it should.
    pub async fn run(self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        if let Some(receive) = self.receive {
            receive.start(&lifecycle)?;
        }
        if let Some(ingest) = self.ingest {
            let runner = Runner::batches(
                &ingest.bus,
                sb_events::consumers::ingest(ingest.bus.topology()),
                ingest.handler,
                ingest.options,
            );
            let stopping = lifecycle.stopping();
            let again = again::run(ingest.bus, ingest.db, Clock::system(), stopping.clone());
            lifecycle.spawn("run-again", again);
            lifecycle.spawn("ingest", async move { runner.run(stopping).await });
        }
        if let Some(relay) = self.relay {
            lifecycle.spawn("outbox-relay", relay.run(lifecycle.stopping()));
        }
        if let Some(media) = self.media {
            media.start(&lifecycle);
        }
        lifecycle.drained().await?;
        Ok(())
    }
}

impl Receiving {
    fn build(settings: &Settings) -> anyhow::Result<Self> {
        settings.require(RECEIVE_NEEDS)?;
        let apps = settings
            .meta
            .apps()
            .context("reading META_APP_ID and META_APP_SECRET")?;
        let mut keys = Vec::with_capacity(apps.len());
        for app in apps {
            let id = MetaAppId::parse(app.app_id).context("META_APP_ID")?;
            keys.push((id, app.app_secret));
        }
        let keys = SignatureKeys::new(keys);
        let flows = Arc::new(Flows::build(settings, keys.clone(), Clock::system())?);
        let receiver = Receiver::new(
            keys,
            settings.meta.verify_token.clone(),
            &settings.webhook,
            Clock::system(),
        );
        let (listener, address) = sb_service::bind_listener(&settings.webhook.bind)?;
        Ok(Self {
            listener,
            address,
            receiver,
            flows,
            nats: settings.nats.clone(),
            settings: settings.webhook.clone(),
            shutdown_seconds: settings.ops.shutdown_deadline_seconds.saturating_sub(5),
        })
    }

    fn start(self, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        let receiver = web::Data::from(self.receiver);
        let flows = web::Data::from(self.flows);
        let workers = self.settings.workers.max(1);
        let server = HttpServer::new(move || {
            let (nats, settings) = (self.nats.clone(), self.settings.clone());
            HttpApp::new()
                .app_data(receiver.clone())
                .app_data(flows.clone())
                .app_data(web::Data::new(Budget::new(
                    self.settings.memory_budget_bytes,
                )))
                .data_factory(move || {
                    let (nats, settings) = (nats.clone(), settings.clone());
                    async move { Committer::start(nats, &settings).await }
                })
                .configure(routes::configure)
        })
        .workers(workers)
        .max_connections(MAX_CONNECTIONS)
        .client_request_timeout(Duration::from_secs(10))
        .keep_alive(Duration::from_secs(75))
        .shutdown_timeout(self.shutdown_seconds)
        .disable_signals()
        .listen(self.listener)
        .context("listening for webhooks")?
        .run();
        tracing::info!(http.address = %self.address, "receiving webhooks");
        lifecycle.serve("webhook-http", server);
        Ok(())
    }
}

impl Ingesting {
    fn build(settings: &Settings, bus: Bus, db: Db) -> Self {
        let options = BatchOptions {
            max_items: settings.webhook.ingest_batch,
            linger: Duration::from_millis(settings.webhook.ingest_linger_ms),
            // One is read, one written, one announced.
            in_flight: 3,
            ordered: true,
            ..BatchOptions::default()
        };
        let handler = IngestHandler::new(db.clone(), bus.publisher(), Clock::system());
        Self {
            bus,
            db,
            handler,
            options,
        }
    }
}

async fn connect(settings: &Settings, health: &Health, bus: &Bus) -> anyhow::Result<Db> {
    let db = Db::connect(&settings.database, bus.topology().clone()).await?;
    db.check_migrations().await?;
    let checked = db.clone();
    health.register("postgres", move || {
        let db = checked.clone();
        async move {
            db.healthy().await?;
            db.check_migrations().await
        }
    });
    Ok(db)
}
