//! `/{waba}/subscribed_apps`: which apps hear of an account.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::access::Caller;
use super::error::GraphError;
use super::parameters::Parameters;
use super::{subscriptions, success};

/// Lists the subscribed apps with their overrides.
pub(crate) async fn list(
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, GraphError> {
    let (_, waba_id) = path.into_inner();
    caller.gate("").await?;
    let data = caller.simulator.read(|state| {
        caller.waba(state, "get", &waba_id)?;
        let subscribed = state
            .accounts
            .wabas
            .get(&waba_id)
            .map(|waba| &waba.subscribed);
        let data: Vec<Value> = subscribed
            .into_iter()
            .flatten()
            .map(|(app_id, override_)| {
                let name = state.accounts.apps.get(app_id).map(|app| app.name.as_str());
                let app = json!({
                    "id": app_id,
                    "name": name.unwrap_or_default(),
                    "link": format!("https://www.facebook.com/games/?app_id={app_id}"),
                });
                match override_ {
                    None => json!({ "whatsapp_business_api_data": app }),
                    Some(callback) => json!({
                        "whatsapp_business_api_data": app,
                        "override_callback_uri": callback.url,
                    }),
                }
            })
            .collect();
        Ok::<_, GraphError>(data)
    })?;
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// Subscribes the caller's app; without an override in the body, clears it.
pub(crate) async fn subscribe(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, waba_id) = path.into_inner();
    caller.gate("").await?;
    caller
        .simulator
        .read(|state| caller.waba(state, "post", &waba_id))?;
    let callback = subscriptions::override_of(&caller, &Value::Object(parameters.0)).await?;
    caller.simulator.change(|state, _| {
        if let Some(waba) = state.accounts.wabas.get_mut(&waba_id) {
            waba.subscribed
                .insert(caller.token.app_id.clone(), callback);
        }
    });
    Ok(success())
}

/// Unsubscribes the caller's app.
pub(crate) async fn unsubscribe(
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, GraphError> {
    let (_, waba_id) = path.into_inner();
    caller.gate("").await?;
    caller.simulator.change(|state, _| {
        caller.waba(state, "delete", &waba_id)?;
        if let Some(waba) = state.accounts.wabas.get_mut(&waba_id) {
            waba.subscribed.remove(&caller.token.app_id);
        }
        Ok::<_, GraphError>(())
    })?;
    Ok(success())
}
