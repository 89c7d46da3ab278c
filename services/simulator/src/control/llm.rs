//! Scripts, faults and the log of the model endpoints.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ControlError;
use crate::llm::scripts::{LlmFaults, Script};
use crate::state::Simulator;

/// One script or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Scripts {
    /// Several, in order.
    Many(Vec<Script>),
    /// One.
    One(Box<Script>),
}

/// Appends scripted answers.
pub(crate) async fn add(
    simulator: web::Data<Simulator>,
    web::Json(scripts): web::Json<Scripts>,
) -> Result<HttpResponse, ControlError> {
    let scripts = match scripts {
        Scripts::Many(scripts) => scripts,
        Scripts::One(script) => vec![*script],
    };
    if !simulator.change(|state, _| state.llm.add(scripts)) {
        return Err(ControlError::Full("the queue of scripts"));
    }
    Ok(show(&simulator))
}

/// Scripts that wait.
pub(crate) async fn list(simulator: web::Data<Simulator>) -> HttpResponse {
    show(&simulator)
}

/// Drops all scripts.
pub(crate) async fn clear(simulator: web::Data<Simulator>) -> HttpResponse {
    simulator.change(|state, _| state.llm.clear_scripts());
    show(&simulator)
}

fn show(simulator: &Simulator) -> HttpResponse {
    let scripts: Vec<Script> = simulator.read(|state| state.llm.scripts().cloned().collect());
    HttpResponse::Ok().json(json!({ "scripts": scripts }))
}

/// Replaces the faults of the model endpoints.
pub(crate) async fn put_faults(
    simulator: web::Data<Simulator>,
    web::Json(faults): web::Json<LlmFaults>,
) -> HttpResponse {
    simulator.change(|state, _| state.llm.faults = faults.clone());
    HttpResponse::Ok().json(faults)
}

#[derive(Debug, Deserialize)]
pub(crate) struct After {
    #[serde(default)]
    after: u64,
}

/// Logged requests, oldest first.
pub(crate) async fn requests(
    simulator: web::Data<Simulator>,
    query: web::Query<After>,
) -> HttpResponse {
    let requests: Vec<Value> = simulator.read(|state| {
        let requests = state.llm.requests_after(query.after);
        requests.map(|request| json!(request)).collect()
    });
    HttpResponse::Ok().json(json!({ "requests": requests }))
}
