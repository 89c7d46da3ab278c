//! A flow endpoint whose screens come from a tenant's server, and a simulated phone that asks it.

use std::time::Duration;

use sb_cloud_api::signature::Signer;
use sb_config::{Secret, Settings};
use sb_db::{FlowEndpointChange, FlowHandler};
use sb_domain::Clock;
use sb_egress::{Egress, Method};
use sb_ids::FlowEndpointId;
use sb_service::{Health, Lifecycle};
use sb_testkit::{TenantAnswer, TenantRequest, TenantServer, TestFlowEndpoint};
use serde_json::{Value, json};

use crate::posts::APP_SECRET;
use crate::world::World;

pub(crate) struct FlowWorld {
    pub(crate) world: World,
    pub(crate) server: TenantServer,
    pub(crate) endpoint: TestFlowEndpoint,
    meta: String,
    egress: Egress,
    lifecycle: Lifecycle,
}

impl Drop for FlowWorld {
    fn drop(&mut self) {
        self.lifecycle.shutdown();
    }
}

/// A tenant's server that names its screens after what was asked, and shows what was entered.
pub(crate) fn next_screen(request: &TenantRequest) -> TenantAnswer {
    let asked = |name: &str| request.json.pointer(&format!("/exchange/{name}")).cloned();
    let action = asked("action").unwrap_or_default();
    let screen = format!("AFTER_{}", action.as_str().unwrap_or_default());
    TenantAnswer::Say(
        200,
        json!({ "screen": screen, "data": { "echo": asked("data") } }),
    )
}

impl FlowWorld {
    pub(crate) async fn start(
        answer: impl Fn(&TenantRequest) -> TenantAnswer + Send + Sync + 'static,
    ) -> Self {
        Self::with(|_| {}, answer).await
    }

    pub(crate) async fn with(
        change: impl FnOnce(&mut Settings),
        answer: impl Fn(&TenantRequest) -> TenantAnswer + Send + Sync + 'static,
    ) -> Self {
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let mut simulator = Settings::default();
        "127.0.0.1:0".clone_into(&mut simulator.simulator.bind);
        sb_egress::install_crypto();
        let app = simulator::App::build(&simulator, &Health::new()).unwrap();
        let meta = format!("http://{}", app.http_addr());
        lifecycle.spawn_detached_ok("simulator", app.run(lifecycle.child("simulator")));
        let world = World::with(|settings| {
            settings.llm.openai_url = format!("{meta}/openai/v1");
            change(settings);
        })
        .await;
        let server = TenantServer::start(answer);
        let handler = FlowHandler::Http {
            url: server.url().to_owned(),
        };
        let endpoint = world
            .tenant
            .flow_endpoint(&world.db, &world.settings, handler)
            .await;
        Self {
            egress: Egress::new(&world.servers.settings().egress).unwrap(),
            world,
            server,
            endpoint,
            meta,
            lifecycle,
        }
    }

    /// What a phone asks when a screen is submitted.
    pub(crate) fn submission() -> Value {
        json!({
            "version": "3.0", "action": "data_exchange", "screen": "ORDER", "flow_token": "token-1",
            "data": { "flower": "tulip" },
        })
    }

    pub(crate) fn base(&self) -> String {
        self.world.url.replace("/webhooks/whatsapp", "")
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/flows/{}", self.base(), self.endpoint.id)
    }

    pub(crate) fn unknown_url(&self) -> String {
        let id = FlowEndpointId::new(Clock::system().now());
        format!("{}/flows/{id}", self.base())
    }

    pub(crate) async fn submit(&self) -> Value {
        self.ask(Self::submission()).await
    }

    pub(crate) async fn ask(&self, question: Value) -> Value {
        self.ask_with(question, json!({})).await
    }

    pub(crate) async fn tampered(&self, part: &str) -> Value {
        self.ask_with(Self::submission(), json!({ "tamper": part }))
            .await
    }

    pub(crate) async fn ask_with(&self, question: Value, options: Value) -> Value {
        self.ask_at(&self.url(), question, options).await
    }

    /// A simulated phone asks; `options` are those of the simulator's call.
    pub(crate) async fn ask_at(&self, url: &str, question: Value, options: Value) -> Value {
        let mut body = json!({
            "url": url, "public_key": self.endpoint.public_key_pem, "request": question,
        });
        let options = options.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(options);
        let (status, outcome) = self.sim(Method::POST, "/flows/exchange", &body).await;
        assert_eq!(status, 200, "{outcome}");
        outcome
    }

    pub(crate) async fn put_app(&self, id: &str, secret: &str) {
        let body = json!({ "secret": secret });
        let (status, answer) = self.sim(Method::PUT, &format!("/apps/{id}"), &body).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) async fn script(&self, script: Value) {
        let (status, answer) = self.sim(Method::POST, "/llm/scripts", &script).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) async fn model_requests(&self) -> Value {
        self.sim(Method::GET, "/llm/requests", &json!({})).await.1
    }

    async fn sim(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self
            .egress
            .request(method, format!("{}/_sim{path}", self.meta));
        read(request.json(body)).await
    }

    /// Posts bytes as they are, signed by the app.
    pub(crate) async fn post_signed(&self, url: &str, body: &str) -> (u16, Value) {
        let signature = Signer::new(&Secret::from(APP_SECRET)).header(body.as_bytes());
        let request = self
            .egress
            .post(url)
            .header("x-hub-signature-256", &signature)
            .body(body.to_owned());
        read(request).await
    }

    /// Lets somebody else make the screens.
    pub(crate) async fn handle_with(&self, handler: FlowHandler) {
        let change = FlowEndpointChange {
            handler: Some(handler),
            ..FlowEndpointChange::default()
        };
        let now = Clock::system().now();
        let mut tx = self
            .world
            .db
            .tenant(self.world.tenant.organization)
            .await
            .unwrap();
        let changed = tx
            .flow_endpoints()
            .update(self.endpoint.id, &change, now)
            .await;
        assert!(changed.unwrap().is_some());
        tx.commit().await.unwrap();
    }
}

async fn read(request: sb_egress::EgressRequest) -> (u16, Value) {
    let answer = request.trusted().send("test").await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.bytes_limited(4_000_000).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}
