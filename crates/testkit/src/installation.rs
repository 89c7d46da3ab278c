//! Everything a service needs to run in a test.

use sb_bus::Bus;
use sb_config::{
    EgressSettings, GatewaySettings, ManagerSettings, MediaSettings, MetaSettings, OpsSettings,
    OutboxSettings, Settings, SimulatorSettings, VaultSettings, WebhookSettings,
};
use sb_db::Db;
use tempfile::TempDir;

use crate::servers::private_dir;
use crate::{TestBus, TestDb};

/// A port nobody else has.
const ANY_PORT: &str = "127.0.0.1:0";

/// A database, streams and a folder of one test. Keep it until the end of the test.
#[derive(Debug)]
pub struct Servers {
    db: TestDb,
    bus: TestBus,
    media: TempDir,
    vault_key: String,
}

impl Servers {
    /// Makes all of it. Afterwards the process can also send HTTP requests.
    pub async fn start() -> Self {
        sb_egress::install_crypto();
        Self {
            db: TestDb::create().await,
            bus: TestBus::create().await,
            media: private_dir(),
            vault_key: sb_vault::generate_key_setting("test").unwrap(),
        }
    }

    /// The database.
    pub const fn test_db(&self) -> &TestDb {
        &self.db
    }

    /// The streams.
    pub const fn test_bus(&self) -> &TestBus {
        &self.bus
    }

    /// Opens the database.
    pub async fn db(&self) -> Db {
        self.db.open(self.bus.topology()).await
    }

    /// Connects to the streams.
    pub async fn bus(&self) -> Bus {
        self.bus.open().await
    }

    /// Settings of a service that lives here: listens on any port, knows the simulator's app, may reach
    /// the loopback interface. Change what the test is about.
    pub fn settings(&self) -> Settings {
        let simulator = SimulatorSettings {
            bind: ANY_PORT.to_owned(),
            ..SimulatorSettings::default()
        };
        Settings {
            database: self.db.settings(),
            nats: self.bus.settings(),
            ops: OpsSettings {
                bind: ANY_PORT.to_owned(),
                shutdown_deadline_seconds: 10,
            },
            vault: VaultSettings {
                keys: self.vault_key.as_str().into(),
            },
            meta: MetaSettings {
                app_id: simulator.app_id.clone(),
                app_secret: simulator.app_secret.as_str().into(),
                system_user_access_token: simulator.access_token.as_str().into(),
                verify_token: simulator.verify_token.as_str().into(),
                ..MetaSettings::default()
            },
            egress: EgressSettings {
                allow_private_addresses: true,
                ..EgressSettings::default()
            },
            media: MediaSettings {
                root: self.media.path().display().to_string(),
                ..MediaSettings::default()
            },
            webhook: WebhookSettings {
                bind: ANY_PORT.to_owned(),
                ..WebhookSettings::default()
            },
            manager: ManagerSettings {
                bind: ANY_PORT.to_owned(),
                internal_key: "test-manager-internal-key".into(),
                ..ManagerSettings::default()
            },
            gateway: GatewaySettings {
                bind: ANY_PORT.to_owned(),
                api_key_pepper: "test-pepper-of-api-keys".into(),
                operator_key: "test-operator-credential".into(),
                ..GatewaySettings::default()
            },
            simulator,
            outbox: OutboxSettings {
                poll_interval_ms: 200,
                ..OutboxSettings::default()
            },
            ..Settings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_test_gets_a_database_and_streams_that_work() {
        let servers = Servers::start().await;
        servers.db().await.healthy().await.unwrap();
        servers.bus().await.healthy().await.unwrap();
        assert_eq!(
            servers.db().await.topology(),
            servers.bus().await.topology()
        );
        servers.settings().meta.apps().unwrap();
    }
}
