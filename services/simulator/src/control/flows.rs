//! A phone's side of a WhatsApp Flow: asks an endpoint for a screen as the app on the phone does.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ControlError;
use crate::flows::{self, Asked, Tampering};
use crate::state::{Simulator, UnknownObject};

/// What to ask.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// The endpoint.
    url: String,
    /// The business' public key as the phone has it, PEM.
    public_key: String,
    /// The key that the phone gets when it asks Meta again, after a 421.
    #[serde(default)]
    refetched_public_key: Option<String>,
    /// The app that is connected to the flow.
    #[serde(default)]
    app_id: Option<String>,
    /// The question in clear: `version`, `action`, `screen`, `data`, `flow_token`.
    request: Map<String, Value>,
    /// Adds `flow_token_signature`, as flows of data API 4.0 do.
    #[serde(default)]
    sign_flow_token: bool,
    /// Damages the request on its way.
    #[serde(default)]
    tamper: Option<Tampering>,
}

/// Exchanges data with an endpoint.
pub(crate) async fn exchange(
    simulator: web::Data<Simulator>,
    web::Json(body): web::Json<Exchange>,
) -> Result<HttpResponse, ControlError> {
    let app_id = body
        .app_id
        .unwrap_or_else(|| simulator.settings().app_id.clone());
    let secret = simulator.read(|state| {
        state
            .accounts
            .apps
            .get(&app_id)
            .map(|app| app.secret.clone())
    });
    let app_secret = secret.ok_or_else(|| UnknownObject::new("app", &app_id))?;
    let mut keys = vec![body.public_key];
    keys.extend(body.refetched_public_key);
    let asked = Asked {
        url: body.url,
        public_keys: keys,
        app_secret,
        request: body.request,
        sign_flow_token: body.sign_flow_token,
        tamper: body.tamper,
    };
    let outcome = flows::exchange(simulator.egress(), &asked)
        .await
        .map_err(|error| ControlError::Invalid(error.to_string()))?;
    Ok(HttpResponse::Ok().json(outcome))
}
