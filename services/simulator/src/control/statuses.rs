//! Statuses by hand, and changes of any other webhook field.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ControlError;
use crate::state::Simulator;
use crate::state::messages::Progress;
use crate::webhooks::build::Change;
use crate::webhooks::queue::Update;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Force {
    status: Progress,
    /// Code of a failure.
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    details: Option<String>,
}

/// Posts a status of a message, whatever came before: late, repeated, out of order.
pub(crate) async fn force(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
    web::Json(body): web::Json<Force>,
) -> Result<HttpResponse, ControlError> {
    let failure = body.code.map(|code| (code, body.details));
    simulator
        .change(|state, fx| state.post_status(fx, &path.into_inner(), body.status, failure))?;
    Ok(HttpResponse::Ok().json(json!({ "success": true })))
}

/// Carries out the statuses that were held back.
pub(crate) async fn release(simulator: web::Data<Simulator>) -> HttpResponse {
    let released = simulator.change(|state, fx| {
        let steps = state.schedule.release();
        let count = steps.len();
        for step in steps {
            state.take_step(fx, step, true);
        }
        count
    });
    HttpResponse::Ok().json(json!({ "released": released }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostChange {
    #[serde(default)]
    waba_id: Option<String>,
    #[serde(default)]
    phone_number_id: Option<String>,
    field: String,
    value: Value,
}

/// Posts a change of any field (`message_template_status_update`, `account_update`, …).
pub(crate) async fn post_change(
    simulator: web::Data<Simulator>,
    web::Json(body): web::Json<PostChange>,
) -> HttpResponse {
    let own = simulator.settings().waba_id.clone();
    let waba_id = body.waba_id.unwrap_or(own);
    simulator.change(|state, fx| {
        let update = Update {
            app_id: String::new(),
            thread: format!("{waba_id}/{}", body.field),
            waba_id,
            number_id: body.phone_number_id,
            metadata: None,
            change: Change::Raw {
                field: body.field,
                value: body.value,
            },
        };
        state.fan_out(fx, &update);
    });
    HttpResponse::Ok().json(json!({ "success": true }))
}
