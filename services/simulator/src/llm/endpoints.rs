//! `POST /openai/v1/chat/completions` and `GET /openai/v1/models`.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures::stream::{self, Stream};
use serde_json::{Value, json};

use super::answer::Completion;
use super::request::{LastWord, Refusal, check};
use super::scripts::{LoggedRequest, Script};
use super::stream::chunks;
use crate::graph::access::Bearer;
use crate::state::Simulator;

/// Models it lists; any other name is accepted as well.
const MODELS: &[&str] = &["gpt-5", "gpt-5-mini", "simulator-echo"];
/// What a request may weigh; images come inside it.
pub(crate) const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Routes below `/openai/v1`.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/openai/v1")
            .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
            .route("/chat/completions", web::post().to(complete))
            .route("/models", web::get().to(models)),
    );
}

/// The provider's error envelope.
fn error(status: u16, kind: &str, code: Option<&str>, refusal: &Refusal) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.insert_header(("Retry-After", "1"));
    }
    let param = (!refusal.param.is_empty()).then_some(&refusal.param);
    response.json(json!({ "error": {
        "message": refusal.message, "type": kind, "param": param, "code": code,
    }}))
}

fn failure(status: u16) -> HttpResponse {
    let (kind, code, message) = match status {
        429 => (
            "requests",
            Some("rate_limit_exceeded"),
            "Rate limit reached",
        ),
        401 => (
            "invalid_request_error",
            Some("invalid_api_key"),
            "Incorrect API key provided",
        ),
        400..=499 => ("invalid_request_error", None, "The request was refused"),
        _ => (
            "server_error",
            None,
            "The server had an error while processing your request",
        ),
    };
    let refusal = Refusal {
        message: message.to_owned(),
        param: String::new(),
    };
    error(status, kind, code, &refusal)
}

fn key_is_wrong(simulator: &Simulator, key: &Bearer) -> bool {
    let wanted = &simulator.settings().llm_api_key;
    !wanted.is_empty() && key.0.as_ref() != Some(wanted)
}

async fn models(simulator: web::Data<Simulator>, key: Bearer) -> HttpResponse {
    if key_is_wrong(&simulator, &key) {
        return failure(401);
    }
    let models = MODELS.iter().map(|id| {
        json!({ "id": id, "object": "model", "created": 1_700_000_000, "owned_by": "simulator" })
    });
    let models: Vec<Value> = models.collect();
    HttpResponse::Ok().json(json!({ "object": "list", "data": models }))
}

/// How one request is answered.
struct Plan {
    delay: Duration,
    status: Option<u16>,
    script: Option<Script>,
    completion: Completion,
}

async fn complete(simulator: web::Data<Simulator>, key: Bearer, body: Bytes) -> HttpResponse {
    if key_is_wrong(&simulator, &key) {
        return failure(401);
    }
    let Ok(body_json) = serde_json::from_slice::<Value>(&body) else {
        let refusal = Refusal {
            message: "We could not parse the JSON body of your request.".to_owned(),
            param: String::new(),
        };
        return error(400, "invalid_request_error", None, &refusal);
    };
    let last = match check(&body_json) {
        Ok(last) => last,
        Err(refusal) => {
            note(&simulator, &body_json, body.len(), 400, "refusal");
            return error(400, "invalid_request_error", None, &refusal);
        }
    };
    let plan = plan(&simulator, &body_json, &last);
    let answered_by = match (&plan.status, &plan.script) {
        (_, Some(_)) => "script",
        (Some(_), None) => "fault",
        (None, None) => "echo",
    };
    note(
        &simulator,
        &body_json,
        body.len(),
        plan.status.unwrap_or(200),
        answered_by,
    );
    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
    }
    respond(&body_json, plan)
}

fn plan(simulator: &Simulator, body: &Value, last: &LastWord) -> Plan {
    let now = simulator.now().timestamp();
    simulator.change(|state, _| {
        let latency = state.llm.faults.latency_ms;
        let struck = state.llm.strike(&mut state.ids);
        // A struck request leaves the script for the next try.
        let script = match struck {
            Some(_) => None,
            None => state.llm.script_for(&last.user_text),
        };
        let delay = latency + script.as_ref().map_or(0, |script| script.delay_ms);
        let completion = Completion::new(body, last, script.as_ref(), &mut state.ids, now);
        Plan {
            delay: Duration::from_millis(delay),
            status: struck.or_else(|| script.as_ref()?.status),
            script,
            completion,
        }
    })
}

fn note(simulator: &Simulator, body: &Value, size: usize, status: u16, answered_by: &'static str) {
    let at = simulator.now();
    simulator.change(|state, _| {
        let request = LoggedRequest {
            sequence: 0,
            at,
            status,
            answered_by,
            body: body.clone(),
        };
        state.llm.log(request, size);
    });
}

fn respond(body: &Value, plan: Plan) -> HttpResponse {
    let script = plan.script.unwrap_or_default();
    if let Some(scripted) = script.body {
        let status = plan.status.unwrap_or(200);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return HttpResponse::build(status).json(scripted);
    }
    if let Some(status) = plan.status.filter(|status| *status >= 400) {
        return failure(status);
    }
    if body.get("stream").and_then(Value::as_bool) != Some(true) {
        return if script.malformed {
            HttpResponse::Ok()
                .content_type("application/json")
                .body("{\"id\": \"chatcmpl-broken\", \"choices\": [")
        } else {
            HttpResponse::Ok().json(plan.completion.whole())
        };
    }
    let with_usage = body
        .pointer("/stream_options/include_usage")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let events = chunks(&plan.completion, with_usage);
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("Cache-Control", "no-cache"))
        .streaming(events_stream(&events, script.malformed, script.cut_after))
}

/// The lines of the stream; a cut one ends in an error, which closes the connection.
fn events_stream(
    events: &[Value],
    malformed: bool,
    cut_after: Option<usize>,
) -> impl Stream<Item = std::io::Result<Bytes>> + use<> {
    let mut lines: Vec<std::io::Result<Bytes>> = events
        .iter()
        .map(|event| Ok(Bytes::from(format!("data: {event}\n\n"))))
        .collect();
    if malformed {
        lines.truncate(2);
        lines.push(Ok(Bytes::from_static(b"data: {\"id\": \"chatcmpl-bro\n\n")));
    }
    match cut_after {
        Some(count) => {
            lines.truncate(count);
            lines.push(Err(std::io::Error::other("stream cut by a script")));
        }
        None => lines.push(Ok(Bytes::from_static(b"data: [DONE]\n\n"))),
    }
    stream::iter(lines)
}
