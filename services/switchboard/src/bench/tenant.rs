//! Private servers with a tenant on them, for one benchmark.

use anyhow::Context;
use sb_config::{Secret, Settings};
use sb_db::Db;
use sb_domain::agent::AgentConfig;
use sb_events::Topology;
use sb_ids::OrganizationId;
use sb_local::{NatsOptions, NatsServer, PostgresOptions, PostgresServer};
use sb_vault::Vault;

use super::webhooks::Account;
use crate::seed::{self, NumberPlan, TenantPlan};

const APP_ID: &str = "900000000000001";
const WABA_ID: &str = "900000000000201";
const ACCESS_TOKEN: &str = "bench-access-token";

/// Two private servers, durable as in production: every acknowledgement and commit is on the disk.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) postgres: PostgresServer,
    pub(crate) nats: NatsServer,
    pub(crate) account: Account,
    vault_key: String,
    _directory: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn start(numbers: usize) -> anyhow::Result<Self> {
        std::fs::create_dir_all(".switchboard").context("making .switchboard")?;
        let directory = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(".switchboard")?;
        let (postgres_path, nats_path) = (
            directory.path().join("postgres"),
            directory.path().join("nats"),
        );
        let postgres = PostgresServer::start(&postgres_path, PostgresOptions::default());
        let nats = NatsServer::start(&nats_path, NatsOptions::default());
        let (postgres, nats) = tokio::try_join!(postgres, nats)?;
        let phone_number_ids = (0..numbers)
            .map(|n| (900_000_000_010_000 + n).to_string())
            .collect();
        Ok(Self {
            postgres,
            nats,
            account: Account {
                waba_id: WABA_ID.to_owned(),
                phone_number_ids,
                app_secret: Secret::from("bench-app-secret".to_owned()),
            },
            vault_key: sb_vault::generate_key_setting("bench")?,
            _directory: directory,
        })
    }

    /// The environment of every service of the benchmark. Streams of different prefixes do not meet.
    pub(crate) fn variables(&self, prefix: &str) -> Vec<(String, String)> {
        [
            ("DATABASE_URL", self.postgres.url("postgres")),
            ("NATS_URL", self.nats.url()),
            ("SWITCHBOARD__NATS__PREFIX", prefix.to_owned()),
            ("META_APP_ID", APP_ID.to_owned()),
            (
                "META_APP_SECRET",
                self.account.app_secret.expose().to_owned(),
            ),
            ("WHATSAPP_VERIFY_TOKEN", "bench-verify-token".to_owned()),
            ("SWITCHBOARD__VAULT__KEYS", self.vault_key.clone()),
            ("SWITCHBOARD__SIMULATOR__APP_ID", APP_ID.to_owned()),
            (
                "SWITCHBOARD__SIMULATOR__APP_SECRET",
                self.account.app_secret.expose().to_owned(),
            ),
            (
                "SWITCHBOARD__SIMULATOR__ACCESS_TOKEN",
                ACCESS_TOKEN.to_owned(),
            ),
            ("SWITCHBOARD__SIMULATOR__WABA_ID", WABA_ID.to_owned()),
            (
                "SWITCHBOARD__SIMULATOR__VERIFY_TOKEN",
                "bench-verify-token".to_owned(),
            ),
            ("OPENAI_API_KEY", "bench-model-key".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Migrates and makes an organization with its numbers and an agent that answers at once.
    pub(crate) async fn seed(&self, prefix: &str) -> anyhow::Result<(Db, OrganizationId)> {
        let sources = sb_config::Sources::from_pairs(self.variables(prefix));
        let settings = Settings::load(&sources)?;
        let db = Db::connect(&settings.database, Topology::new(prefix)).await?;
        db.migrate().await?;
        let vault = Vault::from_settings(&settings.vault)?;
        let numbers: Vec<NumberPlan> = self
            .account
            .phone_number_ids
            .iter()
            .map(|id| NumberPlan {
                phone_number_id: id.clone(),
                display_phone_number: id.clone(),
            })
            .collect();
        let plan = TenantPlan {
            name: "Benchmark",
            app_id: APP_ID,
            waba_id: WABA_ID,
            access_token: ACCESS_TOKEN,
            numbers: &numbers,
            rate_per_second: Some(1_000),
            agent: AgentConfig {
                response_delay_seconds: Some(0),
                ..AgentConfig::default()
            },
        };
        let organization = seed::tenant(&db, &vault, &plan).await?;
        Ok((db, organization))
    }
}
