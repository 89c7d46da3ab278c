//! Business phone numbers: reading, registration, PIN, webhook override.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::access::Caller;
use super::error::GraphError;
use super::parameters::{Parameters, select};
use super::{subscriptions, success};
use crate::state::accounts::{Accounts, Number};

/// Fields when none are asked for.
const DEFAULT_FIELDS: &[&str] = &[
    "verified_name",
    "display_phone_number",
    "quality_rating",
    "code_verification_status",
    "platform_type",
    "throughput",
    "webhook_configuration",
    "id",
];

/// `GET /{waba}/phone_numbers`.
pub(crate) async fn list(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, waba_id) = path.into_inner();
    caller.gate("").await?;
    let data = caller.simulator.read(|state| {
        caller.waba(state, "get", &waba_id)?;
        let numbers = state.accounts.numbers_of(&waba_id);
        let data: Vec<Value> = numbers
            .map(|number| describe(&state.accounts, number, parameters.fields()))
            .collect();
        Ok::<_, GraphError>(data)
    })?;
    Ok(HttpResponse::Ok().json(json!({
        "data": data,
        "paging": { "cursors": { "before": "MAZDZD", "after": "MjQZD" } },
    })))
}

/// The asked fields of a number.
pub(super) fn describe(accounts: &Accounts, number: &Number, fields: Option<Vec<String>>) -> Value {
    let fields = fields.unwrap_or_else(|| {
        DEFAULT_FIELDS
            .iter()
            .map(|field| (*field).to_owned())
            .collect()
    });
    select(all_fields(accounts, number), &fields)
}

fn all_fields(accounts: &Accounts, number: &Number) -> Value {
    let level = if number.throughput_mps > 80 {
        "HIGH"
    } else {
        "STANDARD"
    };
    let url = |callback: Option<&crate::state::accounts::Callback>| {
        callback.map(|callback| callback.url.clone())
    };
    let of_number = url(number.callback.as_ref());
    let subscribers = accounts.subscribers(&number.waba_id);
    let of_app = subscribers
        .first()
        .and_then(|app| url(accounts.apps.get(app)?.callback.as_ref()));
    json!({
        "id": number.id,
        "display_phone_number": number.display,
        "verified_name": number.verified_name,
        "quality_rating": number.quality_rating,
        "code_verification_status": "VERIFIED",
        "name_status": "APPROVED",
        "status": if number.registered { "CONNECTED" } else { "DISCONNECTED" },
        "platform_type": if number.registered { "CLOUD_API" } else { "NOT_APPLICABLE" },
        "host_platform": if number.registered { "CLOUD_API" } else { "NOT_APPLICABLE" },
        "account_mode": "LIVE",
        "throughput": { "level": level },
        "is_official_business_account": false,
        "is_on_biz_app": false,
        "is_pin_enabled": number.pin.is_some(),
        "messaging_limit_tier": "TIER_2K",
        "whatsapp_business_manager_messaging_limit": "TIER_2K",
        "search_visibility": "VISIBLE",
        "webhook_configuration": { "phone_number": of_number, "application": of_app },
        "conversational_automation": { "id": number.id, "enable_welcome_message": false },
        "health_status": {
            "can_send_message": if number.registered { "AVAILABLE" } else { "BLOCKED" },
            "entities": [
                { "entity_type": "PHONE_NUMBER", "id": number.id,
                  "can_send_message": if number.registered { "AVAILABLE" } else { "BLOCKED" } },
                { "entity_type": "WABA", "id": number.waba_id, "can_send_message": "AVAILABLE" },
            ],
        },
    })
}

/// `POST /{number}`: the PIN or the webhook override.
pub(super) async fn update(
    caller: &Caller,
    id: &str,
    parameters: &Parameters,
) -> Result<HttpResponse, GraphError> {
    if let Some(override_) = parameters.0.get("webhook_configuration") {
        let callback = subscriptions::override_of(caller, override_).await?;
        change(caller, id, |number| number.callback = callback)?;
        return Ok(success());
    }
    if parameters.0.contains_key("pin") {
        let pin = pin(parameters)?;
        change(caller, id, |number| number.pin = Some(pin))?;
        return Ok(success());
    }
    if let Some(name) = parameters.text("new_display_name") {
        change(caller, id, |number| number.verified_name = name)?;
        return Ok(success());
    }
    Err(GraphError::parameter("The parameter pin is required."))
}

/// `POST /{number}/register`.
pub(crate) async fn register(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, id) = path.into_inner();
    caller.gate(&id).await?;
    parameters.need("messaging_product")?;
    let given = pin(&parameters)?;
    let wrong = change(&caller, &id, |number| match &number.pin {
        Some(pin) if *pin != given => true,
        _ => {
            number.pin = Some(given);
            number.registered = true;
            false
        }
    })?;
    if wrong {
        return Err(GraphError::new(133_005));
    }
    Ok(success())
}

/// `POST /{number}/deregister`.
pub(crate) async fn deregister(
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, GraphError> {
    let (_, id) = path.into_inner();
    caller.gate(&id).await?;
    change(&caller, &id, |number| number.registered = false)?;
    Ok(success())
}

fn pin(parameters: &Parameters) -> Result<String, GraphError> {
    let pin = parameters.need("pin")?;
    if pin.len() == 6 && pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(pin);
    }
    Err(GraphError::parameter(
        "Param pin must be 6 characters long.",
    ))
}

fn change<T>(
    caller: &Caller,
    id: &str,
    change: impl FnOnce(&mut Number) -> T,
) -> Result<T, GraphError> {
    caller.simulator.change(|state, _| {
        caller.number(state, "post", id)?;
        let number = state.accounts.numbers.get_mut(id);
        number
            .map(change)
            .ok_or_else(|| GraphError::unknown_object("post", id))
    })
}
