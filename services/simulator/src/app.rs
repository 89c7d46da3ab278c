//! Builds and runs the simulator.

use std::net::{SocketAddr, TcpListener};

use actix_web::{HttpServer, web};
use anyhow::Context as _;
use sb_config::{Need, Settings};
use sb_domain::Clock;
use sb_egress::Egress;
use sb_service::{Health, Lifecycle, bind_listener};
use tokio_util::sync::CancellationToken;

use crate::handle::SimulatorHandle;
use crate::state::accounts::Callback;
use crate::state::seed::Seed;
use crate::state::{Simulator, statuses};
use crate::webhooks::deliver;
use crate::webhooks::queue::MAX_CONCURRENCY;
use crate::{routes, webhooks};

/// Settings it cannot start without: none.
pub const NEEDS: &[Need] = &[];

/// Threads that answer HTTP.
const HTTP_WORKERS: usize = 2;
/// What requests in flight get at the end, in seconds.
const HTTP_SHUTDOWN_SECONDS: u64 = 5;

/// The simulator, bound and ready to run.
#[derive(Debug)]
pub struct App {
    simulator: Simulator,
    listener: TcpListener,
    address: SocketAddr,
}

impl App {
    /// Binds the listener and seeds one app, account, number and token from the
    /// settings. Has nothing to check for readiness.
    ///
    /// # Errors
    ///
    /// When the address is taken or the HTTP client cannot be built.
    pub fn build(settings: &Settings, _health: &Health) -> anyhow::Result<Self> {
        Self::build_with_clock(settings, Clock::system())
    }

    /// As [`App::build`], with a clock of the caller's.
    ///
    /// # Errors
    ///
    /// As [`App::build`].
    pub fn build_with_clock(settings: &Settings, clock: Clock) -> anyhow::Result<Self> {
        let egress = Egress::new(&settings.egress).context("building the HTTP client")?;
        let (listener, address) = bind_listener(&settings.simulator.bind)?;
        let simulator = Simulator::new(Seed::new(settings.simulator.clone()), clock, egress);
        // 0.0.0.0 is no address to connect to.
        let host = if address.ip().is_unspecified() {
            format!("localhost:{}", address.port())
        } else {
            address.to_string()
        };
        simulator.listening_at(format!("http://{host}"));
        Ok(Self {
            simulator,
            listener,
            address,
        })
    }

    /// Where it listens.
    pub fn http_addr(&self) -> SocketAddr {
        self.address
    }

    /// For tests in the same process.
    pub fn handle(&self) -> SimulatorHandle {
        SimulatorHandle::new(self.simulator.clone())
    }

    /// Serves until the lifecycle stops.
    ///
    /// # Errors
    ///
    /// When the server cannot start or a task fails.
    pub async fn run(self, lifecycle: Lifecycle) -> anyhow::Result<()> {
        let Self {
            simulator,
            listener,
            address,
        } = self;
        let stopping = lifecycle.stopping();
        spawn_tasks(&simulator, &lifecycle, &stopping);
        let data = web::Data::new(simulator);
        let token = web::Data::new(stopping);
        let server = HttpServer::new(move || {
            actix_web::App::new()
                .app_data(data.clone())
                .app_data(token.clone())
                .configure(routes::configure)
        })
        .workers(HTTP_WORKERS)
        // Longer than clients keep idle connections (`sb-egress`): none is closed under a request.
        .keep_alive(std::time::Duration::from_secs(75))
        .disable_signals()
        .shutdown_timeout(HTTP_SHUTDOWN_SECONDS)
        .listen(listener)
        .context("listening")?
        .run();
        lifecycle.serve("http", server);
        tracing::info!(http.address = %address, "simulator listens");
        lifecycle.drained().await?;
        Ok(())
    }
}

fn spawn_tasks(simulator: &Simulator, lifecycle: &Lifecycle, stopping: &CancellationToken) {
    for _ in 0..MAX_CONCURRENCY {
        let worker = deliver::worker(
            simulator.clone(),
            simulator.egress().clone(),
            stopping.clone(),
        );
        lifecycle.spawn("webhook-worker", worker);
    }
    let timekeeper = deliver::timekeeper(simulator.clone(), stopping.clone());
    lifecycle.spawn("webhook-timekeeper", timekeeper);
    let statuses = statuses::carry_out(simulator.clone(), stopping.clone());
    lifecycle.spawn("statuses", statuses);
    let url = simulator.settings().webhook_url.clone();
    if !url.is_empty() {
        lifecycle.spawn_detached_ok("first-callback", first_callback(simulator.clone(), url));
    }
}

/// Takes the callback of the settings. The service behind it may still be
/// starting, so a failed handshake is only reported; posts are retried anyway.
async fn first_callback(simulator: Simulator, url: String) {
    let settings = simulator.settings();
    let callback = Callback {
        url: url.clone(),
        verify_token: settings.verify_token.clone(),
    };
    simulator.change(|state, fx| {
        if let Some(app) = state.accounts.apps.get_mut(&settings.app_id) {
            app.callback.get_or_insert(callback);
        }
        fx.tell("webhook", serde_json::json!({}));
    });
    let verified =
        webhooks::handshake::verify(simulator.egress(), &url, &settings.verify_token).await;
    match verified {
        Ok(()) => tracing::info!("webhook address verified"),
        Err(error) => tracing::warn!(
            error = %error,
            "webhook address is configured but did not verify; posts are retried until it answers"
        ),
    }
}
