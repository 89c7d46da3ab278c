//! A server of a tenant's, which ours call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use sb_service::{Lifecycle, bind_listener};
use serde_json::Value;

/// What a tenant's server was asked.
#[derive(Debug, Clone)]
pub struct TenantRequest {
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The bytes.
    pub body: Vec<u8>,
    /// The same as JSON.
    pub json: Value,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq)]
pub enum TenantAnswer {
    /// A status and a body.
    Say(u16, Value),
    /// The caller waits for ever.
    Never,
}

type Answer = Box<dyn Fn(&TenantRequest) -> TenantAnswer + Send + Sync>;

struct Inbox {
    answer: Answer,
    requests: Mutex<Vec<TenantRequest>>,
}

/// An HTTP server that remembers what it is asked and answers as the test says. Ends when it is dropped.
pub struct TenantServer {
    url: String,
    inbox: Arc<Inbox>,
    lifecycle: Lifecycle,
}

impl std::fmt::Debug for TenantServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantServer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Drop for TenantServer {
    fn drop(&mut self) {
        self.lifecycle.shutdown();
    }
}

impl TenantServer {
    /// Starts one that answers POST at any path.
    pub fn start(answer: impl Fn(&TenantRequest) -> TenantAnswer + Send + Sync + 'static) -> Self {
        let inbox = Arc::new(Inbox {
            answer: Box::new(answer),
            requests: Mutex::default(),
        });
        let (listener, address) = bind_listener("127.0.0.1:0").unwrap();
        let data = web::Data::from(Arc::clone(&inbox));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .app_data(web::PayloadConfig::new(8 * 1024 * 1024))
                .default_service(web::post().to(receive))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .listen(listener)
        .unwrap()
        .run();
        let lifecycle = Lifecycle::new(Duration::from_secs(1));
        lifecycle.serve("tenant-server", server);
        Self {
            url: format!("http://{address}/asked"),
            inbox,
            lifecycle,
        }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked until now, oldest first.
    pub fn requests(&self) -> Vec<TenantRequest> {
        self.inbox.requests.lock().unwrap().clone()
    }
}

#[expect(
    clippy::future_not_send,
    reason = "actix runs a request on the thread that accepted it"
)]
async fn receive(inbox: web::Data<Inbox>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let headers = request.headers().iter().map(|(name, value)| {
        let value = value.to_str().unwrap_or_default();
        (name.as_str().to_owned(), value.to_owned())
    });
    let asked = TenantRequest {
        headers: headers.collect(),
        json: serde_json::from_slice(&body).unwrap_or_default(),
        body: body.to_vec(),
    };
    let answer = (inbox.answer)(&asked);
    inbox.requests.lock().unwrap().push(asked);
    match answer {
        TenantAnswer::Say(status, body) => {
            HttpResponse::build(StatusCode::from_u16(status).unwrap()).json(body)
        }
        TenantAnswer::Never => std::future::pending().await,
    }
}
