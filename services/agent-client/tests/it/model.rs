//! A model provider that says what it is told to say, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use sb_service::{Lifecycle, bind_listener};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// What the model does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Answers.
    Say(String),
    /// Answers once the gate is opened.
    Hold(Arc<Semaphore>, String),
    /// Refuses.
    Refuse(u16, Value),
}

#[derive(Debug, Default)]
struct State {
    steps: VecDeque<Step>,
    requests: Vec<Value>,
    keys: Vec<String>,
    answers: usize,
}

/// The provider; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct FakeModel {
    state: Arc<Mutex<State>>,
    pub(crate) url: String,
}

impl FakeModel {
    pub(crate) fn start(lifecycle: &Lifecycle) -> Self {
        let (listener, address) = bind_listener("127.0.0.1:0").unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let data = Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::clone(&data))
                .app_data(web::JsonConfig::default().limit(4_000_000))
                .route("/v1/chat/completions", web::post().to(complete))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .listen(listener)
        .unwrap()
        .run();
        lifecycle.serve("model", server);
        Self {
            state,
            url: format!("http://{address}/v1"),
        }
    }

    /// What to do with the next requests; afterwards the last words of the contact are repeated.
    pub(crate) fn script(&self, steps: impl IntoIterator<Item = Step>) {
        self.state.lock().unwrap().steps.extend(steps);
    }

    pub(crate) fn requests(&self) -> Vec<Value> {
        self.state.lock().unwrap().requests.clone()
    }

    /// The keys the requests came with.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.state.lock().unwrap().keys.clone()
    }

    /// How many requests have been answered.
    pub(crate) fn answers(&self) -> usize {
        self.state.lock().unwrap().answers
    }

    /// The words of the contact in a request, in order.
    pub(crate) fn user_words(&self, request: usize) -> Vec<String> {
        let requests = self.requests();
        let messages = requests
            .get(request)
            .and_then(|body| body.get("messages")?.as_array());
        let user = messages
            .into_iter()
            .flatten()
            .filter(|message| message.get("role").and_then(Value::as_str) == Some("user"));
        let words = user.filter_map(|message| message.get("content")?.as_str());
        words.map(str::to_owned).collect()
    }
}

/// Takes the request in before the first await, since requests of actix stay on their thread.
fn complete(
    state: Data<Mutex<State>>,
    request: HttpRequest,
    body: Json<Value>,
) -> impl Future<Output = HttpResponse> {
    let last = body
        .pointer("/messages")
        .and_then(|messages| messages.as_array()?.last());
    let last = last.and_then(|message| message.get("content")?.as_str());
    let echo = format!("echo: {}", last.unwrap_or_default());
    let key = request.headers().get("authorization");
    let key = key
        .map_or("", |key| key.to_str().unwrap())
        .trim_start_matches("Bearer ")
        .to_owned();
    let step = {
        let mut state = state.lock().unwrap();
        state.keys.push(key);
        state.requests.push(body.into_inner());
        state.steps.pop_front()
    };
    drop(request);
    let state = Data::into_inner(state);
    async move {
        let response = match step {
            None => said(&echo),
            Some(Step::Say(text)) => said(&text),
            Some(Step::Hold(gate, text)) => {
                let _opened = gate.acquire().await.unwrap();
                said(&text)
            }
            Some(Step::Refuse(status, error)) => {
                let status = StatusCode::from_u16(status).unwrap();
                HttpResponse::build(status).json(json!({ "error": error }))
            }
        };
        state.lock().unwrap().answers += 1;
        response
    }
}

fn said(text: &str) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "id": "chatcmpl-1",
        "model": "fake",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    }))
}
