//! A whole installation of real processes on servers of its own: what the fault tests kill.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use sb_config::SimulatorSettings;
use sb_local::{NatsOptions, NatsServer, PostgresOptions, PostgresServer};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::OPERATOR_KEY;
use crate::binary::{repository, run_switchboard};
use crate::http::{Api, Http};
use crate::meta::Meta;
use crate::service::{ServiceName, ServiceProcess};
use crate::tenant::{Account, Onboarding, Tenant};

/// The tenants.
const TENANTS: [(&str, Account); 2] = [("Flowers", Account::FIRST), ("Bicycles", Account::SECOND)];
/// Their load and their deadlines are their own: in one process, one installation runs at a time.
static ALONE: Semaphore = Semaphore::const_new(1);
/// What services get to end in good order, in seconds.
const SHUTDOWN_SECONDS: u64 = 20;

/// What can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// One service.
    Service(ServiceName),
    /// nats-server.
    Nats,
    /// PostgreSQL with all its processes.
    Postgres,
}

impl Display for Victim {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => name.fmt(formatter),
            Self::Nats => formatter.write_str("nats-server"),
            Self::Postgres => formatter.write_str("PostgreSQL"),
        }
    }
}

/// Durable servers, every service as a process, two tenants with a number each.
#[derive(Debug)]
pub struct Processes {
    /// The tenants.
    pub tenants: Vec<Tenant>,
    /// The simulated Meta.
    pub meta: Meta,
    /// For tests' own requests.
    pub http: Http,
    /// A look at the tables past row security.
    pub pool: PgPool,
    services: BTreeMap<ServiceName, ServiceProcess>,
    variables: Vec<(String, String)>,
    postgres: PostgresServer,
    nats: NatsServer,
    _directory: TempDir,
    _alone: SemaphorePermit<'static>,
}

impl Processes {
    /// Starts everything. `more` are settings beside those every fault test needs.
    ///
    /// # Errors
    /// When something does not start; the binary must have been built before.
    pub async fn start(more: &[(&str, &str)]) -> anyhow::Result<Self> {
        let alone = ALONE.acquire().await?;
        let root = repository().join(".switchboard");
        std::fs::create_dir_all(&root).context("making .switchboard")?;
        let directory = tempfile::Builder::new().prefix("e2e-").tempdir_in(root)?;
        // Durable as in production: what is acknowledged or committed is on the disk.
        let folders = ["postgres", "nats"].map(|name| directory.path().join(name));
        let (postgres, nats) = tokio::try_join!(
            PostgresServer::start(&folders[0], PostgresOptions::default()),
            NatsServer::start(&folders[1], NatsOptions::default()),
        )?;
        let http = Http::new()?;
        let mut services = BTreeMap::new();
        for name in [ServiceName::Simulator]
            .into_iter()
            .chain(ServiceName::PRODUCT)
        {
            services.insert(
                name,
                ServiceProcess::new(name, directory.path(), http.clone())?,
            );
        }
        let url = |name| address(&services, name);
        let media = directory
            .path()
            .join("media")
            .to_string_lossy()
            .into_owned();
        let mut variables = variables(&postgres, &nats, &url(ServiceName::Simulator)?, &media)?;
        variables.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let mut processes = Self {
            tenants: Vec::new(),
            meta: Meta::new(http.clone(), url(ServiceName::Simulator)?),
            pool: PgPoolOptions::new()
                .max_connections(4)
                .acquire_timeout(Duration::from_secs(10))
                .connect_lazy(&postgres.url("postgres"))?,
            http,
            services,
            variables,
            postgres,
            nats,
            _directory: directory,
            _alone: alone,
        };
        processes.migrate().await?;
        let prepared = processes.prepare().await;
        processes.explained(prepared)?;
        Ok(processes)
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        let output = run_switchboard(&["migrate"], &self.variables).await?;
        ensure!(output.is_success, "migrating failed: {}", output.stderr);
        Ok(())
    }

    async fn start_services(&mut self, names: &[ServiceName]) -> anyhow::Result<()> {
        let variables = &self.variables;
        let wanted = self
            .services
            .iter_mut()
            .filter(|(name, _)| names.contains(name));
        try_join_all(wanted.map(|(_, service)| service.start(variables))).await?;
        Ok(())
    }

    /// Starts all services, makes two tenants, and sets Meta up for them.
    async fn prepare(&mut self) -> anyhow::Result<()> {
        self.start_services(&[ServiceName::Simulator]).await?;
        self.start_services(&ServiceName::PRODUCT).await?;
        for (name, account) in TENANTS {
            self.meta.put_account(account).await?;
            let tenant =
                Tenant::make(&self.gateway()?, &Onboarding::echoing(name, account)).await?;
            self.tenants.push(tenant);
        }
        self.set_faults(&json!({})).await?;
        self.meta.set_webhook(&self.webhook_url()?).await
    }

    /// Sets Meta's fault switches on top of those every fault test needs.
    ///
    /// # Errors
    /// When a switch is not one.
    pub async fn set_faults(&self, more: &serde_json::Value) -> anyhow::Result<()> {
        // The real Meta waits longer between its tries; what happens is the same.
        let mut faults = json!({
            "retry_base_ms": 100,
            "retry_cap_ms": 1_000,
            "delivered_ms": 50,
            "read_ms": 50,
        });
        if let (Some(faults), Some(more)) = (faults.as_object_mut(), more.as_object()) {
            faults.extend(more.clone());
        }
        self.meta.set_faults(&faults).await
    }

    /// The gateway's API, without a credential.
    ///
    /// # Errors
    /// Never, while there is a gateway.
    pub fn gateway(&self) -> anyhow::Result<Api> {
        Ok(Api::new(
            self.http.clone(),
            address(&self.services, ServiceName::Gateway)?,
        ))
    }

    /// Where Meta posts.
    ///
    /// # Errors
    /// Never, while there is a webhook service.
    pub fn webhook_url(&self) -> anyhow::Result<String> {
        Ok(format!(
            "{}/webhooks/whatsapp",
            address(&self.services, ServiceName::WhatsappWebhook)?
        ))
    }

    /// The environment of the services, for commands of the operator.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// The server of the bus.
    pub fn nats_url(&self) -> String {
        self.nats.url()
    }

    /// Kills without warning.
    ///
    /// # Errors
    /// When it had ended by itself before.
    pub async fn kill9(&mut self, victim: Victim) -> anyhow::Result<()> {
        match victim {
            Victim::Service(name) => self.service(name)?.kill9().await,
            Victim::Nats => Ok(self.nats.kill().await?),
            Victim::Postgres => Ok(self.postgres.kill().await?),
        }
    }

    /// Kills both servers and every service of the product at the same moment.
    ///
    /// # Errors
    /// When one had ended by itself before.
    pub async fn kill9_everything(&mut self) -> anyhow::Result<()> {
        let services = self
            .services
            .iter_mut()
            .filter(|(name, _)| **name != ServiceName::Simulator);
        let (postgres, nats, killed) = tokio::join!(
            self.postgres.kill(),
            self.nats.kill(),
            try_join_all(services.map(|(_, service)| service.kill9())),
        );
        postgres?;
        nats?;
        killed?;
        Ok(())
    }

    /// Starts what was killed or has ended, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self, victim: Victim) -> anyhow::Result<()> {
        match victim {
            Victim::Service(name) => {
                let variables = self.variables.clone();
                self.service(name)?.start(&variables).await
            }
            Victim::Nats => Ok(self.nats.restart().await?),
            Victim::Postgres => Ok(self.postgres.restart().await?),
        }
    }

    /// Asks every service of the product to end, and waits for them. Each must end well, within its deadline.
    ///
    /// # Errors
    /// When one does not.
    pub async fn terminate_all(&mut self) -> anyhow::Result<()> {
        // Between the deadline and the end lie the flush of telemetry and the end of the runtime.
        let patience = Duration::from_secs(SHUTDOWN_SECONDS + 10);
        for name in ServiceName::PRODUCT {
            self.service(name)?.terminate().await?;
        }
        for name in ServiceName::PRODUCT {
            let status = self.service(name)?.ended(patience).await?;
            ensure!(status.success(), "{name} ended with {status} after SIGTERM");
        }
        Ok(())
    }

    /// Starts every service of the product again.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start_all(&mut self) -> anyhow::Result<()> {
        self.start_services(&ServiceName::PRODUCT).await
    }

    /// Fails when a service has ended that nobody killed: what happens to others must not end it.
    ///
    /// # Errors
    /// When one has.
    pub fn check_running(&mut self) -> anyhow::Result<()> {
        self.services
            .values_mut()
            .try_for_each(ServiceProcess::check_running)
    }

    /// The most memory a running service ever had, in MiB.
    ///
    /// # Errors
    /// When it is not running.
    pub fn peak_mib(&self, name: ServiceName) -> anyhow::Result<u64> {
        let service = self.services.get(&name);
        let service = service.with_context(|| format!("{name} is not part of this stage"))?;
        service.peak_mib()
    }

    /// Adds the ends of all logs to a failure.
    ///
    /// # Errors
    /// The failure.
    pub fn explained<T>(&self, outcome: anyhow::Result<T>) -> anyhow::Result<T> {
        outcome.with_context(|| {
            let tails = self.services.iter().map(|(name, service)| {
                format!(
                    "---- the end of the log of {name}\n{}\n",
                    service.log_tail()
                )
            });
            tails.collect::<String>()
        })
    }

    fn service(&mut self, name: ServiceName) -> anyhow::Result<&mut ServiceProcess> {
        self.services
            .get_mut(&name)
            .with_context(|| format!("{name} is not part of this stage"))
    }
}

fn address(
    services: &BTreeMap<ServiceName, ServiceProcess>,
    name: ServiceName,
) -> anyhow::Result<String> {
    let service = services
        .get(&name)
        .with_context(|| format!("{name} is not part of this stage"))?;
    Ok(format!("http://{}", service.address()))
}

/// What every service is told.
fn variables(
    postgres: &PostgresServer,
    nats: &NatsServer,
    simulator: &str,
    media: &str,
) -> anyhow::Result<Vec<(String, String)>> {
    let meta = SimulatorSettings::default();
    let variables = [
        ("DATABASE_URL", postgres.url("postgres")),
        ("NATS_URL", nats.url()),
        ("RUST_LOG", "warn".to_owned()),
        ("META_APP_ID", meta.app_id),
        ("META_APP_SECRET", meta.app_secret),
        ("META_SYSTEM_USER_ACCESS_TOKEN", meta.access_token),
        ("WHATSAPP_VERIFY_TOKEN", meta.verify_token),
        ("OPENAI_API_KEY", "any-key".to_owned()),
        ("SWITCHBOARD__META__GRAPH_URL", simulator.to_owned()),
        (
            "SWITCHBOARD__LLM__OPENAI_URL",
            format!("{simulator}/openai/v1"),
        ),
        (
            "SWITCHBOARD__VAULT__KEYS",
            sb_vault::generate_key_setting("e2e")?,
        ),
        (
            "SWITCHBOARD__GATEWAY__API_KEY_PEPPER",
            "pepper-of-the-end-to-end-tests".to_owned(),
        ),
        (
            "SWITCHBOARD__GATEWAY__OPERATOR_KEY",
            OPERATOR_KEY.to_owned(),
        ),
        (
            "SWITCHBOARD__MANAGER__INTERNAL_KEY",
            "internal-key-of-the-end-to-end-tests".to_owned(),
        ),
        (
            "SWITCHBOARD__EGRESS__ALLOW_PRIVATE_ADDRESSES",
            "true".to_owned(),
        ),
        ("SWITCHBOARD__MEDIA__ROOT", media.to_owned()),
        (
            "SWITCHBOARD__OPS__SHUTDOWN_DEADLINE_SECONDS",
            SHUTDOWN_SECONDS.to_string(),
        ),
        // What was in the hands of a killed process is waited for no longer than a test can wait.
        ("SWITCHBOARD__AGENT__LEASE_SECONDS", "5".to_owned()),
        ("SWITCHBOARD__NATS__ACK_WAIT_SECONDS", "5".to_owned()),
        (
            "SWITCHBOARD__DISPATCHER__SEND_TIMEOUT_MS",
            "5000".to_owned(),
        ),
    ];
    Ok(variables
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec())
}
