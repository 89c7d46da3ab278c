//! Callback addresses: of an app, and overrides of accounts and numbers.

use actix_web::{HttpResponse, web};
use serde_json::Value;

use super::access::Caller;
use super::error::GraphError;
use super::parameters::Parameters;
use super::success;
use crate::state::accounts::Callback;
use crate::webhooks::handshake;

/// `POST /{app}/subscriptions`: sets the app's callback after the handshake.
pub(crate) async fn set(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, app_id) = path.into_inner();
    caller.gate("").await?;
    if caller.token.app_id != app_id {
        return Err(GraphError::unknown_object("post", &app_id));
    }
    if parameters.need("object")? != "whatsapp_business_account" {
        return Err(GraphError::parameter(
            "Param object must be whatsapp_business_account.",
        ));
    }
    let callback = verified(
        &caller,
        parameters.need("callback_url")?,
        parameters.need("verify_token")?,
    )
    .await?;
    caller.simulator.change(|state, _| {
        let app = state.accounts.apps.get_mut(&app_id);
        app.map(|app| app.callback = Some(callback))
            .ok_or_else(|| GraphError::unknown_object("post", &app_id))
    })?;
    Ok(success())
}

/// The override in a body: none when it is absent or empty.
pub(super) async fn override_of(
    caller: &Caller,
    body: &Value,
) -> Result<Option<Callback>, GraphError> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let url = text("override_callback_uri");
    if url.is_empty() {
        return Ok(None);
    }
    if url.len() > 200 {
        return Err(GraphError::parameter(
            "Param override_callback_uri must be at most 200 characters long.",
        ));
    }
    verified(caller, url.to_owned(), text("verify_token").to_owned())
        .await
        .map(Some)
}

async fn verified(
    caller: &Caller,
    url: String,
    verify_token: String,
) -> Result<Callback, GraphError> {
    handshake::verify(caller.simulator.egress(), &url, &verify_token)
        .await
        .map_err(|error| {
            let reason = "The URL couldn't be validated. Callback verification failed";
            GraphError::parameter(reason).details(error.to_string())
        })?;
    Ok(Callback { url, verify_token })
}
