//! The PostgreSQL and NATS that tests use.

use std::path::Path;
use std::sync::{Arc, Weak};

use sb_config::{Settings, Sources};
use sb_local::{NatsOptions, NatsServer, PostgresOptions, PostgresServer};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// Inside the repository, where nothing is committed and the installed servers are found.
const PRIVATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.switchboard");

/// The servers of this process, while a test uses them.
static SERVERS: Mutex<Weak<TestServers>> = Mutex::const_new(Weak::new());

/// PostgreSQL and NATS: those the environment names, otherwise private ones that end with the last user.
#[derive(Debug)]
pub struct TestServers {
    database_url: String,
    nats_url: String,
    own_postgres: Option<PostgresServer>,
    own_nats: Option<NatsServer>,
    /// Removed after the servers in it have ended.
    own_dir: Option<TempDir>,
}

impl TestServers {
    /// The servers of this process, started by the first test that asks.
    pub async fn shared() -> Arc<Self> {
        let mut shared = SERVERS.lock().await;
        if let Some(servers) = shared.upgrade() {
            return servers;
        }
        let servers = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&servers);
        servers
    }

    async fn start() -> Self {
        let given = Settings::load(&Sources::from_process()).unwrap();
        let mut servers = Self {
            database_url: given.database.url.as_str().to_owned(),
            nats_url: given.nats.url.as_str().to_owned(),
            own_postgres: None,
            own_nats: None,
            own_dir: None,
        };
        if servers.database_url.is_empty() || servers.nats_url.is_empty() {
            servers.start_missing().await;
        }
        servers
    }

    async fn start_missing(&mut self) {
        let dir = private_dir();
        if self.database_url.is_empty() {
            let postgres = start_postgres(&dir.path().join("postgres")).await;
            self.database_url = postgres.url("postgres");
            self.own_postgres = Some(postgres);
        }
        if self.nats_url.is_empty() {
            let options = NatsOptions {
                sync_always: false,
                ..NatsOptions::default()
            };
            let nats = NatsServer::start(&dir.path().join("nats"), options)
                .await
                .unwrap();
            self.nats_url = nats.url();
            self.own_nats = Some(nats);
        }
        self.own_dir = Some(dir);
    }

    /// The folder of the private servers, with their logs; `None` when none was started.
    pub fn own_dir(&self) -> Option<&Path> {
        self.own_dir.as_ref().map(TempDir::path)
    }

    /// URL of a database from which others can be created.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// URL of NATS.
    pub fn nats_url(&self) -> &str {
        &self.nats_url
    }

    /// Whether the databases of this process vanish with it anyway.
    pub(crate) const fn owns_postgres(&self) -> bool {
        self.own_postgres.is_some()
    }

    /// Whether the streams of this process vanish with it anyway.
    pub(crate) const fn owns_nats(&self) -> bool {
        self.own_nats.is_some()
    }
}

/// A folder of one test inside the repository.
pub(crate) fn private_dir() -> TempDir {
    std::fs::create_dir_all(PRIVATE).unwrap();
    tempfile::Builder::new()
        .prefix("test-")
        .tempdir_in(PRIVATE)
        .unwrap()
}

async fn start_postgres(dir: &Path) -> PostgresServer {
    PostgresServer::start(dir, PostgresOptions::throwaway())
        .await
        .unwrap()
}
