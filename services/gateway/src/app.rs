//! Wiring: connections, listener, tasks.

use std::net::{SocketAddr, TcpListener};

use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::web::{self, Data, PayloadConfig};
use actix_web::{App as ActixApp, HttpServer};
use anyhow::Context as _;
use sb_bus::Bus;
use sb_config::{Need, Settings};
use sb_db::Db;
use sb_domain::Clock;
use sb_events::Topology;
use sb_http::{Authenticator, BodyLimit, KeyHasher, RouteTable};
use sb_media::MediaStore;
use sb_outbox::Relay;
use sb_service::{Health, Lifecycle};
use sb_vault::Vault;
use utoipa_actix_web::AppExt as _;

use crate::handlers::media;
use crate::media_links::MediaLinks;
use crate::state::{Gateway, Limits};
use crate::{docs, housekeeping, openapi, routes};

/// What the gateway cannot start without.
pub const NEEDS: &[Need] = &[
    Need::DatabaseUrl,
    Need::NatsUrl,
    Need::VaultKeys,
    Need::ApiKeyPepper,
];

/// By how much requests in flight must be done before the process's own deadline, in seconds.
const SHUTDOWN_MARGIN_SECONDS: u64 = 3;

/// The gateway, connected and listening, but not serving yet.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    gateway: Gateway,
    authenticator: Authenticator,
    relay: Relay,
    workers: usize,
    shutdown_seconds: u64,
    body_limit: BodyLimit,
}

impl App {
    /// Connects to everything and opens the listener.
    ///
    /// # Errors
    /// What could not be reached or is not as it must be.
    pub async fn build(settings: &Settings, health: &Health) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let topology = Topology::new(&settings.nats.prefix);
        let db = Db::connect(&settings.database, topology).await?;
        db.check_migrations().await?;
        let bus = Bus::connect(&settings.nats).await?;
        bus.ensure_streams().await?;
        register_checks(health, &db, &bus);
        let authenticator = Authenticator::new(
            db.clone(),
            clock.clone(),
            KeyHasher::new(&settings.gateway.api_key_pepper),
            &settings.gateway.operator_key,
        )?;
        let (listener, address) = sb_service::bind_listener(&settings.gateway.bind)?;
        let relay = Relay::new(db.clone(), &bus, &settings.outbox);
        let pepper = &settings.gateway.api_key_pepper;
        let links = MediaLinks::new(pepper, &settings.gateway.public_url);
        let gateway = Gateway::new(
            db,
            clock,
            bus,
            Vault::from_settings(&settings.vault)?,
            (MediaStore::open(&settings.media)?, links),
            Limits::from_settings(settings).context("reading meta.app_id")?,
        );
        Ok(Self {
            listener,
            address,
            gateway,
            authenticator,
            relay,
            workers: settings.gateway.workers,
            shutdown_seconds: settings
                .ops
                .shutdown_deadline_seconds
                .saturating_sub(SHUTDOWN_MARGIN_SECONDS),
            body_limit: BodyLimit(settings.gateway.body_limit_bytes),
        })
    }

    /// Where it listens.
    pub const fn http_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the lifecycle ends.
    ///
    /// # Errors
    /// The first task that failed.
    pub async fn run(self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        let stopping = lifecycle.stopping();
        let db = self.gateway.db.clone();
        let clock = self.gateway.clock.clone();
        let store = self.gateway.media.clone();
        lifecycle.spawn(
            "housekeeping",
            housekeeping::run(db.clone(), store, clock, stopping.clone()),
        );
        lifecycle.spawn("outbox-relay", self.relay.run(stopping.clone()));
        let gateway = Data::new(self.gateway.stopping_with(stopping));
        let wiring = Wiring {
            gateway,
            authenticator: Data::new(self.authenticator),
            routes: Data::new(RouteTable::of(&openapi::document())),
            body_limit: self.body_limit,
        };
        let server = HttpServer::new(move || wiring.clone().app())
            .workers(self.workers)
            // Longer than clients keep idle connections (`sb-egress`): none is closed under a request.
            .keep_alive(std::time::Duration::from_secs(75))
            .disable_signals()
            // Otherwise an event stream whose reader has gone is noticed at the next heartbeat only.
            .h1_allow_half_closed(false)
            .shutdown_timeout(self.shutdown_seconds)
            .listen(self.listener)
            .context("listening")?
            .run();
        lifecycle.serve("http", server);
        tracing::info!(address = %self.address, "the gateway serves");
        let drained = lifecycle.drained().await;
        db.close().await;
        Ok(drained?)
    }
}

fn register_checks(health: &Health, db: &Db, bus: &Bus) {
    let (checked_db, checked_bus) = (db.clone(), bus.clone());
    health.register("postgres", move || {
        let db = checked_db.clone();
        async move { db.healthy().await }
    });
    health.register("nats", move || {
        let bus = checked_bus.clone();
        async move { bus.healthy().await }
    });
}

/// What each HTTP worker is made of.
#[derive(Clone)]
struct Wiring {
    gateway: Data<Gateway>,
    authenticator: Data<Authenticator>,
    routes: Data<RouteTable>,
    body_limit: BodyLimit,
}

impl Wiring {
    fn app(
        self,
    ) -> ActixApp<
        impl actix_web::dev::ServiceFactory<
            actix_web::dev::ServiceRequest,
            Config = (),
            Response = actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody>,
            Error = actix_web::Error,
            InitError = (),
        >,
    > {
        let (app, document) = ActixApp::new()
            .app_data(Data::new(self.gateway.clock.clone()))
            .app_data(self.gateway)
            .app_data(self.authenticator)
            .app_data(self.routes)
            .app_data(self.body_limit)
            .app_data(PayloadConfig::new(self.body_limit.0))
            .configure(sb_http::configure_errors)
            .into_utoipa_app()
            .openapi(openapi::base())
            .configure(routes::configure)
            .split_for_parts();
        drop(document);
        app.configure(docs::configure)
            .route(
                "/media/{organization}/{id}/{variant}",
                web::get().to(media::download::download),
            )
            .default_service(web::to(sb_http::fallback))
            .wrap(from_fn(sb_http::authenticate))
            .wrap(DefaultHeaders::new().add(("X-Content-Type-Options", "nosniff")))
            .wrap(from_fn(sb_http::observe))
    }
}
