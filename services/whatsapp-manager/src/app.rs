//! Wiring: settings to connections, listener and tasks.

use std::net::{SocketAddr, TcpListener};

use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App as HttpApp, HttpServer};
use anyhow::Context;
use sb_bus::Bus;
use sb_cloud_api::graph::Graph;
use sb_config::{ManagerSettings, Need, Settings};
use sb_db::Db;
use sb_domain::Clock;
use sb_egress::Egress;
use sb_outbox::Relay;
use sb_service::{Health, Lifecycle};
use sb_vault::Vault;

use crate::authenticate::{InternalKey, authenticate};
use crate::due::DueProfiles;
use crate::metrics::Metrics;
use crate::profiles::Profiles;
use crate::routes;
use crate::tokens::Tokens;

/// What must be set.
pub const NEEDS: &[Need] = &[
    Need::DatabaseUrl,
    Need::NatsUrl,
    Need::VaultKeys,
    Need::ManagerInternalKey,
];

/// What requests in flight get at the end, in seconds; below the process's own deadline.
const SHUTDOWN_SECONDS: u64 = 20;

/// The service, connected and bound, not yet running.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    key: Data<InternalKey>,
    profiles: Profiles,
    relay: Relay,
    settings: ManagerSettings,
}

impl App {
    /// Connects to what the service needs and binds the listener.
    ///
    /// # Errors
    /// When the settings are wrong, a server does not answer, or a migration is pending.
    pub async fn build(settings: &Settings, health: &Health) -> anyhow::Result<Self> {
        let vault = Vault::from_settings(&settings.vault).context("reading the vault's keys")?;
        let key = InternalKey::new(&settings.manager.internal_key)?;
        let egress = Egress::new(&settings.egress).context("preparing outgoing HTTP")?;
        let bus = Bus::connect(&settings.nats)
            .await
            .context("connecting to NATS")?;
        bus.ensure_streams()
            .await
            .context("preparing the streams")?;
        let db = Db::connect(&settings.database, bus.topology().clone()).await?;
        db.check_migrations().await?;
        register_checks(health, &db, &bus);
        let meta = &settings.meta;
        let profiles = Profiles {
            graph: Graph::new(egress, &meta.graph_url, &meta.api_version),
            tokens: Tokens::new(vault, meta.system_user_access_token.clone()),
            clock: Clock::system(),
            metrics: Metrics::new(),
            db: db.clone(),
        };
        let (listener, address) = sb_service::bind_listener(&settings.manager.bind)?;
        Ok(Self {
            listener,
            address,
            key: Data::new(key),
            profiles,
            relay: Relay::new(db, &bus, &settings.outbox),
            settings: settings.manager.clone(),
        })
    }

    /// Where it listens.
    pub const fn http_addr(&self) -> SocketAddr {
        self.address
    }

    /// Runs until the lifecycle ends.
    ///
    /// # Errors
    /// When a task ends before it should.
    pub async fn run(self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        let stopping = lifecycle.stopping();
        let due = DueProfiles::new(self.profiles.clone(), &self.settings);
        lifecycle.spawn("due-profiles", due.run(stopping.clone()));
        let relay = self.relay;
        lifecycle.spawn("outbox", async move { relay.run(stopping).await });
        let (key, profiles) = (self.key, Data::new(self.profiles));
        let server = HttpServer::new(move || {
            HttpApp::new()
                .app_data(key.clone())
                .app_data(profiles.clone())
                .app_data(Data::new(profiles.clock.clone()))
                .configure(sb_http::configure_errors)
                .configure(routes::configure)
                .default_service(web::to(sb_http::fallback))
                .wrap(from_fn(authenticate))
                .wrap(from_fn(sb_http::observe))
        })
        .workers(1)
        // Longer than clients keep idle connections (`sb-egress`): none is closed under a request.
        .keep_alive(std::time::Duration::from_secs(75))
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .listen(self.listener)
        .context("listening")?
        .run();
        lifecycle.serve("manager-http", server);
        tracing::info!(http.address = %self.address, "managing numbers");
        lifecycle.drained().await?;
        Ok(())
    }
}

fn register_checks(health: &Health, db: &Db, bus: &Bus) {
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
