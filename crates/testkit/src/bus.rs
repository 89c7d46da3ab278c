//! Streams for each test.

use std::sync::Arc;

use sb_bus::Bus;
use sb_config::NatsSettings;
use sb_events::Topology;

use crate::TestServers;
use crate::ending::{run_to_end, unique};

/// The streams of one test, under a prefix of its own; removed when dropped.
#[derive(Debug)]
pub struct TestBus {
    settings: NatsSettings,
    servers: Arc<TestServers>,
}

impl TestBus {
    /// Makes them.
    pub async fn create() -> Self {
        let servers = TestServers::shared().await;
        let settings = NatsSettings {
            url: servers.nats_url().into(),
            prefix: format!("t{}", unique()),
            ..NatsSettings::default()
        };
        let test = Self { settings, servers };
        test.open().await.ensure_streams().await.unwrap();
        test
    }

    /// Settings that lead to them.
    pub fn settings(&self) -> NatsSettings {
        self.settings.clone()
    }

    /// The names in use.
    pub fn topology(&self) -> Topology {
        Topology::new(&self.settings.prefix)
    }

    /// Connects.
    pub async fn open(&self) -> Bus {
        Bus::connect(&self.settings).await.unwrap()
    }
}

impl Drop for TestBus {
    fn drop(&mut self) {
        if self.servers.owns_nats() {
            return;
        }
        let settings = self.settings.clone();
        run_to_end(async move {
            if let Ok(bus) = Bus::connect(&settings).await {
                let _ = bus.drop_streams().await;
            }
        });
    }
}
