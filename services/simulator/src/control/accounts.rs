//! Apps, tokens, accounts, numbers and the callback.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;

use super::error::ControlError;
use crate::state::accounts::{AccessToken, Callback, MetaApp, Waba};
use crate::state::seed::new_number;
use crate::state::{Simulator, UnknownObject};
use crate::webhooks::handshake;

fn done() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "success": true }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutApp {
    #[serde(default)]
    name: Option<String>,
    secret: String,
}

/// Creates an app or changes its name and secret.
pub(crate) async fn put_app(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
    web::Json(body): web::Json<PutApp>,
) -> HttpResponse {
    let id = path.into_inner();
    simulator.change(|state, _| {
        let app = state
            .accounts
            .apps
            .entry(id.clone())
            .or_insert_with(|| MetaApp {
                name: format!("App {id}"),
                id,
                secret: String::new(),
                callback: None,
            });
        app.secret = body.secret;
        if let Some(name) = body.name {
            app.name = name;
        }
    });
    done()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutToken {
    #[serde(default)]
    app_id: Option<String>,
    /// Seconds it stays good; negative for one that has expired.
    #[serde(default)]
    expires_in_s: Option<i64>,
    /// Accounts it reaches; empty means all.
    #[serde(default)]
    waba_ids: Vec<String>,
}

/// Creates a token or changes what it may do.
pub(crate) async fn put_token(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
    web::Json(body): web::Json<PutToken>,
) -> Result<HttpResponse, ControlError> {
    let app_id = body
        .app_id
        .unwrap_or_else(|| simulator.settings().app_id.clone());
    simulator.change(|state, fx| {
        if !state.accounts.apps.contains_key(&app_id) {
            return Err(UnknownObject::new("app", &app_id));
        }
        let expires_at = body
            .expires_in_s
            .map(|seconds| fx.now + TimeDelta::seconds(seconds));
        let token = AccessToken {
            app_id,
            expires_at,
            waba_ids: body.waba_ids,
        };
        state.accounts.tokens.insert(path.into_inner(), token);
        Ok(())
    })?;
    Ok(done())
}

/// Revokes a token.
pub(crate) async fn delete_token(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
) -> HttpResponse {
    simulator.change(|state, _| state.accounts.tokens.remove(&path.into_inner()));
    done()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutWaba {
    #[serde(default)]
    name: Option<String>,
    /// Apps that hear of it; absent means the app of the settings.
    #[serde(default)]
    subscribed_apps: Option<Vec<String>>,
}

/// Creates an account or changes its name and subscribers.
pub(crate) async fn put_waba(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
    web::Json(body): web::Json<PutWaba>,
) -> HttpResponse {
    let id = path.into_inner();
    let own_app = simulator.settings().app_id.clone();
    simulator.change(|state, _| {
        let waba = state
            .accounts
            .wabas
            .entry(id.clone())
            .or_insert_with(|| Waba {
                name: format!("Account {id}"),
                id,
                subscribed: BTreeMap::from([(own_app, None)]),
            });
        if let Some(name) = body.name {
            waba.name = name;
        }
        if let Some(apps) = body.subscribed_apps {
            waba.subscribed = apps.into_iter().map(|app| (app, None)).collect();
        }
    });
    done()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutNumber {
    #[serde(default)]
    waba_id: Option<String>,
    #[serde(default)]
    display_phone_number: Option<String>,
    #[serde(default)]
    verified_name: Option<String>,
    #[serde(default)]
    throughput_mps: Option<usize>,
    #[serde(default)]
    registered: Option<bool>,
    #[serde(default)]
    quality_rating: Option<String>,
    #[serde(default)]
    allowed_recipients: Option<Vec<String>>,
}

/// Creates a number or changes the given fields.
pub(crate) async fn put_number(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
    web::Json(body): web::Json<PutNumber>,
) -> Result<HttpResponse, ControlError> {
    let id = path.into_inner();
    let own_waba = simulator.settings().waba_id.clone();
    simulator.change(|state, fx| {
        let known = state.accounts.numbers.get(&id).cloned();
        let is_new = known.is_none();
        let mut number = known.unwrap_or_else(|| {
            let display = format!(
                "+1 555 {:0>7}",
                id.chars().rev().take(7).collect::<String>()
            );
            new_number(&id, &own_waba, &display, &format!("Business {id}"))
        });
        if let Some(waba_id) = body.waba_id {
            number.waba_id = waba_id;
        }
        if !state.accounts.wabas.contains_key(&number.waba_id) {
            return Err(UnknownObject::new("account", &number.waba_id));
        }
        let texts = [
            (&mut number.display, body.display_phone_number),
            (&mut number.verified_name, body.verified_name),
            (&mut number.quality_rating, body.quality_rating),
        ];
        for (slot, given) in texts {
            if let Some(given) = given {
                *slot = given;
            }
        }
        number.throughput_mps = body.throughput_mps.unwrap_or(number.throughput_mps);
        number.registered = body.registered.unwrap_or(number.registered);
        if let Some(allowed) = body.allowed_recipients {
            number.allowed_recipients = allowed;
        }
        state.accounts.numbers.insert(id, number);
        if is_new {
            fx.tell("reset", json!({}));
        }
        Ok(())
    })?;
    Ok(done())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetWebhook {
    url: String,
    #[serde(default)]
    verify_token: Option<String>,
    #[serde(default)]
    app_id: Option<String>,
    /// Take the address without Meta's handshake.
    #[serde(default)]
    skip_verification: bool,
}

/// Sets an app's callback after Meta's handshake.
pub(crate) async fn set_webhook(
    simulator: web::Data<Simulator>,
    web::Json(body): web::Json<SetWebhook>,
) -> Result<HttpResponse, ControlError> {
    let settings = simulator.settings();
    let app_id = body.app_id.unwrap_or_else(|| settings.app_id.clone());
    let verify_token = body
        .verify_token
        .unwrap_or_else(|| settings.verify_token.clone());
    if !body.skip_verification {
        handshake::verify(simulator.egress(), &body.url, &verify_token).await?;
    }
    let callback = Callback {
        url: body.url,
        verify_token,
    };
    put_callback(&simulator, &app_id, Some(callback))?;
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "verified": !body.skip_verification,
    })))
}

/// Removes an app's callback: webhooks are then dropped.
pub(crate) async fn delete_webhook(
    simulator: web::Data<Simulator>,
    query: web::Query<WhichApp>,
) -> Result<HttpResponse, ControlError> {
    let app_id = query.into_inner().app_id;
    let app_id = app_id.unwrap_or_else(|| simulator.settings().app_id.clone());
    put_callback(&simulator, &app_id, None)?;
    Ok(done())
}

#[derive(Debug, Deserialize)]
pub(crate) struct WhichApp {
    app_id: Option<String>,
}

fn put_callback(
    simulator: &Simulator,
    app_id: &str,
    callback: Option<Callback>,
) -> Result<(), UnknownObject> {
    simulator.change(|state, fx| {
        let app = state
            .accounts
            .apps
            .get_mut(app_id)
            .ok_or_else(|| UnknownObject::new("app", app_id))?;
        app.callback = callback;
        state.deliveries.trouble = None;
        fx.tell("webhook", json!({}));
        Ok(())
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchTemplate {
    status: String,
}

/// Sets a template's status, to try what paused or rejected ones do.
pub(crate) async fn patch_template(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
    web::Json(body): web::Json<PatchTemplate>,
) -> Result<HttpResponse, ControlError> {
    let id = path.into_inner();
    simulator.change(|state, _| {
        let template = state.templates.get_mut(&id);
        template
            .map(|template| template.status = body.status.to_uppercase())
            .ok_or_else(|| UnknownObject::new("template", &id))
    })?;
    Ok(done())
}
