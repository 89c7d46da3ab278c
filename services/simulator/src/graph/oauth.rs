//! `/oauth/access_token` and `/debug_token`.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::access::{self, Caller};
use super::error::GraphError;
use super::parameters::Parameters;
use crate::state::Simulator;
use crate::state::accounts::AccessToken;

/// Exchanges app credentials, or a signup code, for a token.
pub(crate) async fn access_token(
    simulator: web::Data<Simulator>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let app_id = parameters.need("client_id")?;
    let secret = parameters.need("client_secret")?;
    let is_app_token = parameters.text("grant_type").as_deref() == Some("client_credentials");
    let code = parameters.text("code");
    let answer = simulator.change(|state, _| {
        let app = state
            .accounts
            .apps
            .get(&app_id)
            .filter(|app| app.secret == secret)
            .ok_or_else(|| GraphError::parameter("Error validating client secret."))?;
        if is_app_token {
            let token = format!("{}|{}", app.id, app.secret);
            return Ok(json!({ "access_token": token, "token_type": "bearer" }));
        }
        if code.is_none_or(|code| code.is_empty()) {
            return Err(GraphError::parameter("The parameter code is required."));
        }
        let token = state.ids.token("EAA");
        let access = AccessToken {
            app_id,
            expires_at: None,
            waba_ids: Vec::new(),
        };
        state.accounts.tokens.insert(token.clone(), access);
        Ok(json!({ "access_token": token, "token_type": "bearer" }))
    })?;
    Ok(HttpResponse::Ok().json(answer))
}

/// Says what a token is.
pub(crate) async fn debug_token(
    caller: Caller,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let input = parameters.need("input_token")?;
    let now = caller.simulator.now();
    let data = caller.simulator.read(|state| {
        let known = state.accounts.tokens.get(&input).cloned();
        let valid = access::check(state, &input, now);
        let error = valid.as_ref().err().map(
            |error| json!({ "code": error.code(), "message": error.to_string(), "subcode": 463 }),
        );
        let Some(token) = known.or_else(|| valid.clone().ok()) else {
            return json!({ "is_valid": false, "error": error, "scopes": [] });
        };
        let app = state.accounts.apps.get(&token.app_id);
        let target_ids = if token.waba_ids.is_empty() {
            state.accounts.wabas.keys().cloned().collect()
        } else {
            token.waba_ids.clone()
        };
        let scopes = [
            "whatsapp_business_management",
            "whatsapp_business_messaging",
        ];
        let granular = scopes.map(|scope| json!({ "scope": scope, "target_ids": target_ids }));
        json!({
            "app_id": token.app_id,
            "type": "SYSTEM_USER",
            "application": app.map(|app| app.name.as_str()).unwrap_or_default(),
            "data_access_expires_at": 0,
            "expires_at": token.expires_at.map_or(0, |at| at.timestamp()),
            "is_valid": valid.is_ok(),
            "error": error,
            "scopes": scopes,
            "granular_scopes": granular,
        })
    });
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}
