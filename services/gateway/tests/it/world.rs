//! A running gateway with a tenant, and ways to speak to it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use gateway::App;
use sb_client::Client;
use sb_config::Settings;
use sb_db::{Db, NewApiKey};
use sb_domain::Clock;
use sb_domain::access::{Role, Scope};
use sb_domain::content::{MessageContent, Part, TemplatePart};
use sb_egress::{Egress, EgressRequest, Method};
use sb_http::{ApiKeySecret, KeyHasher};
use sb_ids::{ApiKeyId, ConversationId, OrganizationId};
use sb_service::{Health, Lifecycle};
use sb_testkit::{Servers, TenantSeed, TestTenant};
use serde_json::Value;
use sqlx::PgPool;

const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

pub(crate) const CONTACT: &str = "+15550100077";

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) db: Db,
    /// A login that no row security holds back, to look at what was stored.
    pub(crate) pool: PgPool,
    pub(crate) tenant: TestTenant,
    pub(crate) base: String,
    pub(crate) egress: Egress,
    pub(crate) lifecycle: Lifecycle,
    /// Its end removes the database and the streams.
    _servers: Servers,
}

impl Drop for World {
    fn drop(&mut self) {
        self.lifecycle.shutdown();
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) body: Value,
    pub(crate) headers: sb_egress::header::HeaderMap,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let servers = Servers::start().await;
        let mut settings = servers.settings();
        change(&mut settings);
        let db = servers.db().await;
        let tenant = TestTenant::create(&servers).await;
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let app = App::build(&settings, &Health::new()).await.unwrap();
        let base = format!("http://{}", app.http_addr());
        lifecycle.spawn_detached_ok("gateway", app.run(lifecycle.child("gateway")));
        Self {
            pool: PgPool::connect(settings.database.url.as_str())
                .await
                .unwrap(),
            egress: Egress::new(&settings.egress).unwrap(),
            settings,
            db,
            tenant,
            base,
            lifecycle,
            _servers: servers,
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(&self.tenant.api_key)
    }

    pub(crate) fn client_with(&self, credential: &str) -> Client {
        Client::new(&self.base, credential, self.egress.clone()).unwrap()
    }

    pub(crate) fn operator(&self) -> Client {
        self.client_with(self.settings.gateway.operator_key.expose())
    }

    /// A second tenant with a number of its own.
    pub(crate) async fn another_tenant(&self) -> TestTenant {
        let seed = TenantSeed::another(&self.settings, 2);
        TestTenant::seeded(&self.db, &self.settings, seed).await
    }

    /// A request to any path, with the tenant's key.
    pub(crate) fn request(&self, method: Method, path: &str) -> EgressRequest {
        self.anonymous(method, path).bearer(&self.tenant.api_key)
    }

    /// A request without a credential.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> EgressRequest {
        self.egress
            .request(method, format!("{}{path}", self.base))
            .trusted()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// Stores a key as it is described and gives it.
    pub(crate) async fn key(&self, key: KeySeed) -> (ApiKeyId, String) {
        let now = Clock::system().now();
        let secret = ApiKeySecret::generate().unwrap();
        let id = ApiKeyId::new(now);
        let new = NewApiKey {
            id,
            name: "a key".to_owned(),
            prefix: secret.prefix(),
            key_hash: KeyHasher::new(&self.settings.gateway.api_key_pepper).hash(&secret),
            role: key.role,
            scopes: key.scopes,
            expires_at: key.expires_at,
        };
        let organization = key.organization.unwrap_or(self.tenant.organization);
        let mut tx = self.db.tenant(organization).await.unwrap();
        tx.api_keys().insert(&new, now).await.unwrap();
        if key.revoked {
            tx.api_keys().revoke(id, now).await.unwrap();
        }
        tx.commit().await.unwrap();
        (id, secret.expose().to_owned())
    }

    /// A conversation in which anything may be sent: the contact has just written.
    pub(crate) async fn open_conversation(&self) -> ConversationId {
        let template = sb_client::SendMessage::new(CONTACT, template());
        let message = self.client().send_message(&template, None).await.unwrap();
        self.contact_writes(message.conversation_id, Clock::system().now())
            .await;
        message.conversation_id
    }

    pub(crate) async fn contact_writes(&self, conversation: ConversationId, at: DateTime<Utc>) {
        sqlx::query("UPDATE conversations SET last_incoming_at = $2 WHERE id = $1")
            .bind(conversation.as_uuid())
            .bind(at)
            .execute(&self.pool)
            .await
            .unwrap();
    }

    pub(crate) async fn count(&self, table: &'static str) -> i64 {
        let statement = format!("SELECT count(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

/// What a key looks like.
pub(crate) struct KeySeed {
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) role: Role,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked: bool,
}

impl Default for KeySeed {
    fn default() -> Self {
        Self {
            organization: None,
            role: Role::Owner,
            scopes: Scope::ALL.to_vec(),
            expires_at: None,
            revoked: false,
        }
    }
}

pub(crate) async fn answer(request: EgressRequest) -> Answer {
    let response = request.send("test").await.unwrap();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let bytes = response.bytes_limited(ANSWER_LIMIT).await.unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer {
        status,
        code: body["code"].as_str().unwrap_or_default().to_owned(),
        body,
        headers,
    }
}

/// Content that may be sent while the window is closed.
pub(crate) fn template() -> MessageContent {
    MessageContent::of(Part::Template(TemplatePart {
        name: "order_ready".to_owned(),
        language: "en_US".to_owned(),
        components: Vec::new(),
        marketing: None,
    }))
}
