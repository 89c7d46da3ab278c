//! An installation with a simulated Meta, and replicas of the dispatcher in it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sb_bus::Bus;
use sb_config::Settings;
use sb_db::dispatch::ConversationKey;
use sb_db::ingest::Advance;
use sb_db::{Db, Identity, Message, NewOutgoing, SystemReason};
use sb_domain::Clock;
use sb_domain::content::MessageContent;
use sb_domain::delivery::{DeliveryState, OnUnknown};
use sb_egress::{Egress, Method};
use sb_events::Origin;
use sb_ids::{MessageId, WaId};
use sb_service::{Health, Lifecycle};
use sb_testkit::{Servers, TenantSeed, TestTenant, wait_until};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use whatsapp_dispatcher::App;

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) db: Db,
    pub(crate) bus: Bus,
    pub(crate) meta: simulator::SimulatorHandle,
    /// Of the tenants' numbers.
    pub(crate) rate_per_second: Option<u16>,
    egress: Egress,
    lifecycle: Lifecycle,
    _servers: Servers,
}

/// A replica that can be killed: it lives in a runtime of its own.
pub(crate) struct Replica {
    runtime: Option<Runtime>,
    lifecycle: Lifecycle,
}

impl Replica {
    /// As `kill -9` would: nothing is finished, nothing is given back.
    pub(crate) fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// As SIGTERM would; returns at once.
    pub(crate) fn stop(&self) {
        self.lifecycle.shutdown();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.lifecycle.shutdown();
    }
}

pub(crate) fn now() -> DateTime<Utc> {
    Clock::system().now()
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// An installation with other settings; Meta is started last.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let servers = Servers::start().await;
        let mut settings = servers.settings();
        settings.dispatcher.send_timeout_ms = 5_000;
        change(&mut settings);
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let app = simulator::App::build(&settings, &Health::new()).unwrap();
        if settings.meta.graph_url == Settings::default().meta.graph_url {
            settings.meta.graph_url = format!("http://{}", app.http_addr());
        }
        let meta = app.handle();
        lifecycle.spawn_detached_ok("simulator", app.run(lifecycle.child("simulator")));
        Self {
            db: servers.db().await,
            bus: servers.bus().await,
            rate_per_second: Some(1_000),
            egress: Egress::new(&settings.egress).unwrap(),
            settings,
            meta,
            lifecycle,
            _servers: servers,
        }
    }

    /// Starts a replica.
    pub(crate) async fn dispatcher(&self) -> Replica {
        self.dispatcher_with(|_| {}).await
    }

    pub(crate) async fn dispatcher_with(&self, change: impl FnOnce(&mut Settings)) -> Replica {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let lifecycle = Lifecycle::new(Duration::from_secs(8));
        let inside = lifecycle.clone();
        let started = runtime.spawn(async move {
            let app = App::build(&settings, &Health::new()).await.unwrap();
            inside.spawn_detached_ok("app", app.run(inside.child("dispatcher")));
        });
        started.await.unwrap();
        Replica {
            runtime: Some(runtime),
            lifecycle,
        }
    }

    /// For requests of tests.
    pub(crate) const fn egress(&self) -> &Egress {
        &self.egress
    }

    /// A call of Meta's stage directions.
    pub(crate) async fn stage(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/_sim{path}", self.meta.base_url());
        let request = self.egress.request(method, url).trusted().json(&body);
        let answer = request.send("test.stage").await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        let bytes = answer.bytes_limited(64 * 1024 * 1024).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// An organization with a number that Meta knows.
    pub(crate) async fn tenant(&self, phone_number_id: &str) -> TestTenant {
        let path = format!("/numbers/{phone_number_id}");
        self.stage(Method::PUT, &path, json!({"throughput_mps": 1_000}))
            .await;
        let seed = TenantSeed {
            phone_number_id: phone_number_id.to_owned(),
            // An account belongs to one tenant.
            waba_id: format!("77{phone_number_id}"),
            rate_per_second: self.rate_per_second,
            ..TenantSeed::of_simulator(&self.settings)
        };
        TestTenant::seeded(&self.db, &self.settings, seed).await
    }

    /// A conversation in which the contact wrote just now.
    pub(crate) async fn talk(&self, tenant: &TestTenant, phone: &str) -> ConversationKey {
        let key = self.silent_talk(tenant, phone).await;
        self.contact_wrote(key, now()).await;
        key
    }

    /// A conversation in which the contact never wrote.
    pub(crate) async fn silent_talk(&self, tenant: &TestTenant, phone: &str) -> ConversationKey {
        let identity = Identity::Phone(WaId::parse(phone).unwrap());
        let mut tx = self.db.tenant(tenant.organization).await.unwrap();
        let conversation = tx
            .conversations()
            .open(tenant.number, &identity, now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        ConversationKey {
            organization: tenant.organization,
            number: tenant.number,
            conversation: conversation.id,
        }
    }

    pub(crate) async fn contact_wrote(&self, key: ConversationKey, at: DateTime<Utc>) {
        let advance = Advance {
            organization: key.organization,
            conversation: key.conversation,
            messages: 1,
            past: 0,
            latest_at: at,
            incoming_at: Some(at),
            takeover_at: None,
            reply_to: None,
            link_version: 0,
        };
        let mut tx = self.db.system(SystemReason::Ingest).await.unwrap();
        tx.ingest().advance_conversations(&[advance]).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn queue(&self, key: ConversationKey, text: &str) -> MessageId {
        self.queue_with(key, text, |_| {}).await
    }

    pub(crate) async fn queue_with(
        &self,
        key: ConversationKey,
        text: &str,
        change: impl FnOnce(&mut NewOutgoing),
    ) -> MessageId {
        let at = now();
        let id = MessageId::new(at);
        let mut new = NewOutgoing {
            id,
            conversation: key.conversation,
            content: MessageContent::text(text),
            agent: None,
            turn: None,
            api_key: None,
            send_at: None,
            expires_at: None,
            on_unknown: OnUnknown::Hold,
            fallback: None,
            origin: Origin::start(id.as_uuid()),
        };
        change(&mut new);
        let mut tx = self.db.tenant(key.organization).await.unwrap();
        tx.queue().send(&new, at).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(crate) async fn message(&self, key: ConversationKey, id: MessageId) -> Message {
        let mut tx = self.db.tenant(key.organization).await.unwrap();
        let message = tx.messages().find(id).await.unwrap().unwrap();
        tx.rollback().await.unwrap();
        message
    }

    pub(crate) async fn state(&self, key: ConversationKey, id: MessageId) -> String {
        self.message(key, id).await.state.as_str().to_owned()
    }

    /// Waits until a message has come so far.
    pub(crate) async fn until(
        &self,
        key: ConversationKey,
        id: MessageId,
        state: DeliveryState,
    ) -> Message {
        wait_until(state.as_str(), async || {
            self.state(key, id).await == state.as_str()
        })
        .await;
        self.message(key, id).await
    }

    /// How many of a tenant's messages are in a state.
    pub(crate) async fn count(&self, tenant: &TestTenant, state: DeliveryState) -> i64 {
        let mut tx = self.db.system(SystemReason::Operations).await.unwrap();
        let counts = tx
            .operations()
            .messages_by_state(tenant.organization)
            .await
            .unwrap();
        tx.rollback().await.unwrap();
        let key = ("outgoing".to_owned(), state.as_str().to_owned());
        counts.get(&key).copied().unwrap_or(0)
    }

    pub(crate) async fn until_accepted(&self, tenant: &TestTenant, count: i64) {
        wait_until("all messages are accepted", async || {
            self.count(tenant, DeliveryState::Accepted).await == count
        })
        .await;
    }

    /// What Meta accepted, oldest first.
    pub(crate) async fn sent(&self) -> Vec<Value> {
        let answer = self
            .stage(Method::GET, "/sent?limit=10000", Value::Null)
            .await;
        answer["sent"].as_array().unwrap().clone()
    }

    /// Texts that Meta accepted for each phone, in their order.
    pub(crate) async fn texts(&self) -> BTreeMap<String, Vec<String>> {
        let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for sent in self.sent().await {
            let phone = sent["wa_id"].as_str().unwrap().to_owned();
            let text = sent["body"]["text"]["body"].as_str().unwrap().to_owned();
            texts.entry(phone).or_default().push(text);
        }
        texts
    }

    /// Messages that Meta accepted more than once.
    pub(crate) async fn repeated(&self) -> Vec<Value> {
        let answer = self.stage(Method::GET, "/sent/repeated", Value::Null).await;
        answer["repeated"].as_array().unwrap().clone()
    }

    pub(crate) async fn faults(&self, faults: Value) {
        self.stage(Method::PUT, "/faults", faults).await;
    }

    pub(crate) async fn faults_of(&self, tenant: &TestTenant, faults: Value) {
        let path = format!("/faults/{}", tenant.phone_number_id);
        self.stage(Method::PUT, &path, faults).await;
    }
}
