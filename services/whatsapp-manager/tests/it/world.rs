//! An installation with one tenant, the simulator, and the service.

use std::time::Duration;

use sb_config::Settings;
use sb_db::{Db, Number};
use sb_egress::Egress;
use sb_ids::{NumberId, OrganizationId};
use sb_service::{Health, Lifecycle};
use sb_testkit::{Servers, TestTenant};
use serde_json::Value;
use simulator::{Faults, SimulatorHandle};

/// Larger than any answer.
const ANSWER_BYTES: usize = 1_048_576;

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) tenant: TestTenant,
    pub(crate) settings: Settings,
    pub(crate) meta: SimulatorHandle,
    pub(crate) servers: Servers,
    egress: Egress,
    base_url: String,
    lifecycle: Lifecycle,
}

impl World {
    /// A service that reads nothing by itself before the test is over.
    pub(crate) async fn new() -> Self {
        Self::with(|settings| settings.manager.refresh_interval_seconds = 86_400).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let servers = Servers::start().await;
        let lifecycle = Lifecycle::new(Duration::from_secs(10));
        let mut settings = servers.settings();
        let health = Health::new();
        let simulator = simulator::App::build(&settings, &health).unwrap();
        let meta = simulator.handle();
        settings.meta.graph_url = meta.base_url();
        change(&mut settings);
        let tenant = TestTenant::create(&servers).await;
        let db = servers.db().await;
        mark_as_fresh(&db, &tenant, &settings).await;
        let manager = whatsapp_manager::App::build(&settings, &health)
            .await
            .unwrap();
        let base_url = format!("http://{}", manager.http_addr());
        lifecycle.spawn("simulator", simulator.run(lifecycle.child("simulator")));
        lifecycle.spawn("manager", manager.run(lifecycle.child("manager")));
        Self {
            egress: Egress::new(&settings.egress).unwrap(),
            db,
            tenant,
            settings,
            meta,
            servers,
            base_url,
            lifecycle,
        }
    }

    /// A path below the tenant.
    pub(crate) fn path(&self, rest: &str) -> String {
        path(self.tenant.organization, rest)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let key = self.settings.manager.internal_key.expose();
        self.call("GET", path, Some(key)).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        let key = self.settings.manager.internal_key.expose();
        self.call("POST", path, Some(key)).await
    }

    /// Asks the service.
    pub(crate) async fn call(&self, method: &str, path: &str, key: Option<&str>) -> Answer {
        let url = format!("{}{path}", self.base_url);
        let mut request = match method {
            "POST" => self.egress.post(url),
            "DELETE" => self.egress.delete(url),
            _ => self.egress.get(url),
        };
        if let Some(key) = key {
            request = request.bearer(key);
        }
        let response = request.trusted().send("test").await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes_limited(ANSWER_BYTES).await.unwrap();
        Answer {
            status,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    /// Asks the simulator to change something.
    pub(crate) async fn control(&self, method: &str, path: &str) {
        let url = format!("{}/_sim{path}", self.meta.base_url());
        let request = match method {
            "DELETE" => self.egress.delete(url),
            _ => self
                .egress
                .request(method.parse().unwrap(), url)
                .json(&serde_json::json!({})),
        };
        let response = request.trusted().send("test").await.unwrap();
        assert!(response.status().is_success(), "{method} {path}");
    }

    /// What Meta's switches do from now on.
    pub(crate) fn faults(&self, faults: Faults) {
        self.meta.set_faults(faults);
    }

    /// The number as it is stored.
    pub(crate) async fn number(&self) -> Number {
        self.number_of(self.tenant.organization, self.tenant.number)
            .await
    }

    pub(crate) async fn number_of(&self, organization: OrganizationId, number: NumberId) -> Number {
        let mut tx = self.db.tenant(organization).await.unwrap();
        let found = tx.numbers().find(number).await.unwrap().unwrap();
        tx.rollback().await.unwrap();
        found
    }

    /// Ends the service; a task that failed fails the test.
    pub(crate) async fn stop(self) {
        self.lifecycle.shutdown();
        self.lifecycle.drained().await.unwrap();
        self.db.close().await;
    }
}

pub(crate) fn path(organization: OrganizationId, rest: &str) -> String {
    format!("/v1/organizations/{organization}{rest}")
}

/// A new number is due at once, which tests of requests must not race with.
async fn mark_as_fresh(db: &Db, tenant: &TestTenant, settings: &Settings) {
    if settings.manager.refresh_interval_seconds < 3_600 {
        return;
    }
    let (profile, now) = (
        sb_db::NumberProfile::default(),
        sb_domain::Clock::system().now(),
    );
    let mut tx = db.tenant(tenant.organization).await.unwrap();
    tx.number_profiles()
        .save(tenant.number, &profile, None, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}
