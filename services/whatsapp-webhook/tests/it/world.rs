//! A running webhook with a tenant, and questions about what it stored.

use std::time::Duration;

use sb_config::Settings;
use sb_db::Db;
use sb_egress::{Egress, StatusCode};
use sb_service::{Health, Lifecycle};
use sb_testkit::{Servers, TenantSeed, TestTenant, wait_until};
use serde_json::Value;
use sqlx::PgPool;
use whatsapp_webhook::App;

use crate::posts::{self, APP_SECRET, SignedPost};

pub(crate) const NUMBER: &str = "900000000000101";
pub(crate) const CONTACT: &str = "4915112345678";

pub(crate) struct World {
    pub(crate) servers: Servers,
    pub(crate) settings: Settings,
    pub(crate) db: Db,
    pub(crate) pool: PgPool,
    pub(crate) tenant: TestTenant,
    pub(crate) url: String,
    egress: Egress,
    lifecycle: Lifecycle,
}

impl Drop for World {
    fn drop(&mut self) {
        self.lifecycle.shutdown();
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let servers = Servers::start().await;
        let mut settings = servers.settings();
        change(&mut settings);
        let db = servers.db().await;
        let tenant = TestTenant::create(&servers).await;
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let address = start(&settings, &lifecycle).await;
        let egress = Egress::new(&settings.egress).unwrap();
        let pool = PgPool::connect(servers.test_db().url()).await.unwrap();
        let url = format!("http://{address}/webhooks/whatsapp");
        Self {
            servers,
            settings,
            db,
            pool,
            tenant,
            url,
            egress,
            lifecycle,
        }
    }

    /// Starts one more replica.
    pub(crate) async fn another_replica(&self) -> String {
        let address = start(&self.settings, &self.lifecycle).await;
        format!("http://{address}/webhooks/whatsapp")
    }

    pub(crate) async fn post_to(&self, url: &str, post: &SignedPost) -> (StatusCode, Value) {
        let request = self
            .egress
            .post(url)
            .header("content-type", "application/json")
            .header("x-hub-signature-256", &post.signature)
            .body(post.body.clone());
        answer(request).await
    }

    pub(crate) async fn post(&self, post: &SignedPost) -> (StatusCode, Value) {
        self.post_to(&self.url, post).await
    }

    pub(crate) async fn post_unsigned(&self, body: &'static str) -> (StatusCode, Value) {
        answer(self.egress.post(&self.url).body(body)).await
    }

    pub(crate) async fn get(&self, query: &[(&str, &str)]) -> (StatusCode, String) {
        let answer = self
            .egress
            .get(&self.url)
            .query(query)
            .trusted()
            .send("test")
            .await
            .unwrap();
        let status = answer.status();
        let body = answer.bytes_limited(10_000).await.unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// Posts updates of the tenant's number, signed, and expects 200.
    pub(crate) async fn deliver(&self, messages: &[Value], statuses: &[Value]) {
        self.deliver_body(&posts::envelope(&[posts::change(
            NUMBER, messages, statuses,
        )]))
        .await;
    }

    pub(crate) async fn deliver_body(&self, body: &Value) {
        let (status, problem) = self.post(&posts::sign(APP_SECRET, body)).await;
        assert_eq!(status, StatusCode::OK, "{problem}");
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(statement)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Waits until a table has as many rows.
    pub(crate) async fn until_rows(&self, table: &str, rows: i64) {
        wait_until(&format!("{table} has {rows} rows"), async || {
            self.count(table).await == rows
        })
        .await;
    }

    /// Waits until every post is ingested.
    pub(crate) async fn settle(&self) {
        let bus = self.servers.bus().await;
        let spec = sb_events::consumers::ingest(bus.topology());
        wait_until("ingest has nothing left to do", async || {
            bus.pending(&spec)
                .await
                .is_ok_and(|backlog| backlog.is_empty())
        })
        .await;
    }

    pub(crate) async fn quarantined(&self) -> Vec<(String, String)> {
        sqlx::query_as("SELECT reason, place FROM quarantine ORDER BY place")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }
}

async fn answer(request: sb_egress::EgressRequest) -> (StatusCode, Value) {
    let answer = request.trusted().send("test").await.unwrap();
    let status = answer.status();
    let body = answer.bytes_limited(100_000).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn start(settings: &Settings, lifecycle: &Lifecycle) -> std::net::SocketAddr {
    let app = App::build(settings, &Health::new()).await.unwrap();
    let address = app.http_addr().unwrap();
    let inner = lifecycle.clone();
    lifecycle.spawn_detached_ok("whatsapp-webhook", async move { app.run(inner).await });
    address
}

/// A second tenant with a number of its own under the same app.
pub(crate) async fn another_tenant(world: &World) -> TestTenant {
    let seed = TenantSeed::another(&world.settings, 2);
    TestTenant::seeded(&world.db, &world.settings, seed).await
}
