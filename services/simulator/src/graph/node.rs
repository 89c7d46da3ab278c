//! `/{id}`: one address for objects of any kind.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::access::Caller;
use super::error::GraphError;
use super::parameters::{Parameters, select};
use super::{media, numbers, success, templates};

/// Reads a media object, a number, an account or a template.
pub(crate) async fn get(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, id) = path.into_inner();
    caller.gate(&id).await?;
    find(&caller, &id, &parameters)
        .map(|found| HttpResponse::Ok().json(found))
        .ok_or_else(|| GraphError::unknown_object("get", &id))
}

fn find(caller: &Caller, id: &str, parameters: &Parameters) -> Option<Value> {
    if let Some(media) = media::describe(caller, id) {
        let asked = parameters.text("phone_number_id");
        let owner = caller
            .simulator
            .read(|state| state.media.get(id).map(|media| media.number_id.clone()));
        return (asked.is_none() || asked == owner).then_some(media);
    }
    caller.simulator.read(|state| {
        if let Some(number) = state.accounts.numbers.get(id) {
            caller.number(state, "get", id).ok()?;
            let fields = parameters.fields();
            return Some(numbers::describe(&state.accounts, number, fields));
        }
        if state.accounts.wabas.contains_key(id) {
            caller.waba(state, "get", id).ok()?;
            return waba(caller, state, id, parameters);
        }
        let template = state.templates.get(id)?;
        caller.token.reaches(&template.waba_id).then(|| {
            let all = json!(template);
            match parameters.fields() {
                Some(fields) => select(all, &fields),
                None => all,
            }
        })
    })
}

fn waba(
    caller: &Caller,
    state: &crate::state::State,
    id: &str,
    parameters: &Parameters,
) -> Option<Value> {
    let waba = state.accounts.wabas.get(id)?;
    let fields = parameters.fields().unwrap_or_else(|| {
        let default = ["name", "timezone_id", "message_template_namespace"];
        default.map(str::to_owned).to_vec()
    });
    let all = json!({
        "id": waba.id,
        "name": waba.name,
        "timezone_id": "1",
        "currency": "USD",
        "country": "US",
        "status": "ACTIVE",
        "account_review_status": "APPROVED",
        "business_verification_status": "verified",
        "ownership_type": "SELF",
        "is_enabled_for_insights": true,
        "message_template_namespace": format!("namespace_{}", waba.id),
        "owner_business_info": {
            "id": caller.simulator.settings().business_id,
            "name": waba.name,
        },
        "health_status": {
            "can_send_message": "AVAILABLE",
            "entities": [
                { "entity_type": "WABA", "id": waba.id, "can_send_message": "AVAILABLE" },
            ],
        },
    });
    Some(select(all, &fields))
}

/// Changes a number or a template.
pub(crate) async fn update(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, id) = path.into_inner();
    caller.gate(&id).await?;
    let is_template = caller
        .simulator
        .read(|state| state.templates.get(&id).is_some());
    if is_template {
        return templates::edit(&caller, &id, &parameters);
    }
    caller
        .simulator
        .read(|state| caller.number(state, "post", &id))?;
    numbers::update(&caller, &id, &parameters).await
}

/// Deletes a media object.
pub(crate) async fn delete(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, id) = path.into_inner();
    caller.gate(&id).await?;
    let deleted = caller.simulator.change(|state, _| {
        let owner = state.media.get(&id)?.number_id.clone();
        let asked = parameters.text("phone_number_id");
        let reaches = caller.number(state, "delete", &owner).is_ok();
        (reaches && asked.is_none_or(|asked| asked == owner)).then(|| state.media.remove(&id))
    });
    match deleted {
        Some(true) => Ok(success()),
        _ => Err(GraphError::unknown_object("delete", &id)),
    }
}
