//! A running simulator and a webhook receiver that records raw posts.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App as WebApp, HttpRequest, HttpResponse, HttpServer, web};
use ring::hmac;
use sb_config::Settings;
use sb_domain::Clock;
use sb_egress::{Egress, EgressError, Method};
use sb_service::{Health, Lifecycle, bind_listener};
use serde_json::{Value, json};
use simulator::{App, SimulatorHandle};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Nothing in a test may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) base: String,
    pub(crate) handle: SimulatorHandle,
    pub(crate) settings: Settings,
    pub(crate) egress: Egress,
    lifecycle: Lifecycle,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.lifecycle.shutdown();
    }
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::with_clock(Clock::system()).await
    }

    pub(crate) async fn with_clock(clock: Clock) -> Self {
        let mut settings = Settings::default();
        "127.0.0.1:0".clone_into(&mut settings.simulator.bind);
        settings.simulator.seed = 7;
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let app = App::build_with_clock(&settings, clock).unwrap();
        let _ = Health::new();
        let (base, handle) = (format!("http://{}", app.http_addr()), app.handle());
        lifecycle.spawn_detached_ok("simulator", app.run(lifecycle.child("simulator")));
        let stage = Self {
            base,
            handle,
            egress: Egress::new(&settings.egress).unwrap(),
            settings,
            lifecycle,
        };
        // Quick statuses; tests that care say otherwise.
        stage
            .faults(json!({ "sent_ms": 0, "delivered_ms": 0, "read_ms": 0 }))
            .await;
        stage
    }

    pub(crate) fn number(&self) -> String {
        self.settings.simulator.phone_number_id.clone()
    }

    pub(crate) fn waba(&self) -> String {
        self.settings.simulator.waba_id.clone()
    }

    /// A call with a token, whatever comes of it.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), EgressError> {
        let url = format!("{}{path}", self.base);
        let mut request = self.egress.request(method, url).bearer(token).trusted();
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send("test").await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes_limited(8 * 1024 * 1024).await?;
        Ok((
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        ))
    }

    /// A Graph call with the seeded token.
    pub(crate) async fn graph(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let token = self.settings.simulator.access_token.clone();
        let path = format!("/v26.0{path}");
        self.call(method, &path, &token, body).await.unwrap()
    }

    /// `POST /{number}/messages` of a text.
    pub(crate) async fn send_text(&self, to: &str, text: &str) -> (u16, Value) {
        let body = json!({"messaging_product": "whatsapp", "to": to, "type": "text",
            "text": {"body": text}});
        self.send(body).await
    }

    pub(crate) async fn send(&self, body: Value) -> (u16, Value) {
        let path = format!("/{}/messages", self.number());
        self.graph(Method::POST, &path, Some(body)).await
    }

    /// A control call that must succeed.
    pub(crate) async fn sim(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self
            .call(method, &format!("/_sim{path}"), "", body)
            .await
            .unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub(crate) async fn faults(&self, faults: Value) {
        self.sim(Method::PUT, "/faults", Some(faults)).await;
    }

    /// Faults on top of the quick statuses.
    pub(crate) async fn quick_faults(&self, mut faults: Value) {
        for delay in ["sent_ms", "delivered_ms", "read_ms"] {
            faults[delay] = json!(0);
        }
        self.faults(faults).await;
    }

    /// Waits until every webhook is acknowledged and every status carried out.
    pub(crate) async fn settle(&self) {
        let answer = self.sim(Method::GET, "/pending?wait_ms=15000", None).await;
        assert_eq!(answer["pending"], 0, "{answer}");
        assert_eq!(answer["planned_statuses"], 0, "{answer}");
    }

    /// A receiver with the app's secret, set as the callback.
    pub(crate) async fn receiver(&self) -> Receiver {
        let receiver = Receiver::start(&self.settings, &self.lifecycle);
        self.handle.set_webhook(&receiver.url).await.unwrap();
        receiver
    }

    pub(crate) fn silent_receiver(&self) -> Receiver {
        Receiver::start(&self.settings, &self.lifecycle)
    }
}

/// What a post contained.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) raw: Vec<u8>,
    pub(crate) json: Value,
    pub(crate) status: u16,
}

struct Inbox {
    secret: String,
    verify_token: String,
    posts: Mutex<Vec<Post>>,
    arrived: Notify,
    /// Status of the next answers.
    answer: AtomicU16,
    /// Posts that contain this text are refused.
    refuse: Mutex<Option<String>>,
}

#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    inbox: Arc<Inbox>,
}

impl Receiver {
    fn start(settings: &Settings, lifecycle: &Lifecycle) -> Self {
        let inbox = Arc::new(Inbox {
            secret: settings.simulator.app_secret.clone(),
            verify_token: settings.simulator.verify_token.clone(),
            posts: Mutex::default(),
            arrived: Notify::new(),
            answer: AtomicU16::new(200),
            refuse: Mutex::default(),
        });
        let (listener, address) = bind_listener("127.0.0.1:0").unwrap();
        let data = web::Data::from(Arc::clone(&inbox));
        let server = HttpServer::new(move || {
            WebApp::new()
                .app_data(data.clone())
                .app_data(web::PayloadConfig::new(4 * 1024 * 1024))
                .route("/hook", web::get().to(verify))
                .route("/hook", web::post().to(receive))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)
        .unwrap()
        .run();
        lifecycle.serve("receiver", server);
        Self {
            url: format!("http://{address}/hook"),
            inbox,
        }
    }

    pub(crate) fn answer_with(&self, status: u16) {
        self.inbox.answer.store(status, Ordering::SeqCst);
    }

    pub(crate) fn refuse(&self, text: Option<&str>) {
        *self.inbox.refuse.lock().unwrap() = text.map(str::to_owned);
    }

    pub(crate) fn posts(&self) -> Vec<Post> {
        self.inbox.posts.lock().unwrap().clone()
    }

    /// Elements of `messages` or `statuses` of all acknowledged posts, in order of arrival.
    pub(crate) fn elements(&self, kind: &str) -> Vec<Value> {
        let mut found = Vec::new();
        for post in self.posts().iter().filter(|post| post.status == 200) {
            for entry in post.json["entry"].as_array().unwrap() {
                for change in entry["changes"].as_array().unwrap() {
                    let elements = change["value"][kind].as_array();
                    found.extend(elements.into_iter().flatten().cloned());
                }
            }
        }
        found
    }

    /// Waits for posts that satisfy a condition.
    pub(crate) async fn until(&self, met: impl Fn(&[Post]) -> bool + Send + Sync) -> Vec<Post> {
        let wait = async {
            loop {
                let arrived = self.inbox.arrived.notified();
                let posts = self.posts();
                if met(&posts) {
                    return posts;
                }
                arrived.await;
            }
        };
        timeout(PATIENCE, wait)
            .await
            .expect("the posts that were waited for did not come")
    }
}

async fn verify(inbox: web::Data<Inbox>, query: web::Query<Vec<(String, String)>>) -> HttpResponse {
    let get = |name: &str| {
        let found = query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    if get("hub.mode") == "subscribe" && get("hub.verify_token") == inbox.verify_token {
        HttpResponse::Ok().body(get("hub.challenge"))
    } else {
        HttpResponse::Forbidden().finish()
    }
}

#[expect(
    clippy::future_not_send,
    reason = "actix handlers stay on their thread"
)]
async fn receive(inbox: web::Data<Inbox>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let signature = request.headers().get("X-Hub-Signature-256");
    let signature = signature.unwrap().to_str().unwrap();
    let hex = signature.strip_prefix("sha256=").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, inbox.secret.as_bytes());
    hmac::verify(&key, &body, &hex::decode(hex).unwrap()).expect("the signature is wrong");
    let text = String::from_utf8(body.to_vec()).unwrap();
    let refused = inbox.refuse.lock().unwrap().clone();
    let status = match refused {
        Some(refused) if text.contains(&refused) => 500,
        _ => inbox.answer.load(Ordering::SeqCst),
    };
    inbox.posts.lock().unwrap().push(Post {
        raw: body.to_vec(),
        json: serde_json::from_str(&text).unwrap(),
        status,
    });
    inbox.arrived.notify_waiters();
    HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap()).finish()
}
