//! The phones and the people who hold them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ControlError;
use crate::state::Simulator;
use crate::state::accounts::digits;

/// A number as WhatsApp writes it, without punctuation.
pub(super) fn wa_id(written: &str) -> Result<String, ControlError> {
    let number = digits(written);
    let has_letters = written.chars().any(char::is_alphabetic);
    if has_letters || !(7..=15).contains(&number.len()) {
        return Err(ControlError::Invalid(format!(
            "{written} is not a phone number: give 7 to 15 digits with the country code"
        )));
    }
    Ok(number)
}

/// Everybody.
pub(crate) async fn list(simulator: web::Data<Simulator>) -> HttpResponse {
    let phones: Vec<Value> = simulator.read(|state| {
        state
            .contacts
            .iter()
            .map(|contact| json!(contact))
            .collect()
    });
    HttpResponse::Ok().json(json!({ "phones": phones }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PutPhone {
    name: Option<String>,
    username: Option<String>,
    hide_phone: Option<bool>,
    on_whatsapp: Option<bool>,
    online: Option<bool>,
    auto_read: Option<bool>,
}

/// Adds a person or changes the given fields.
pub(crate) async fn put(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
    web::Json(body): web::Json<PutPhone>,
) -> Result<HttpResponse, ControlError> {
    let number = wa_id(&path.into_inner())?;
    let contact = simulator.change(|state, fx| {
        let contact = state.contacts.ensure(&number, &number);
        if let Some(name) = body.name.filter(|name| !name.trim().is_empty()) {
            name.trim().clone_into(&mut contact.name);
        }
        if body.username.is_some() {
            contact.username = body.username.filter(|username| !username.is_empty());
        }
        contact.hide_phone = body.hide_phone.unwrap_or(contact.hide_phone);
        contact.on_whatsapp = body.on_whatsapp.unwrap_or(contact.on_whatsapp);
        contact.auto_read = body.auto_read.or(contact.auto_read);
        let returns = body.online == Some(true) && !contact.online;
        contact.online = body.online.unwrap_or(contact.online);
        let shown = json!(contact);
        if returns {
            state.phone_returns(fx, &number);
        }
        fx.tell("contact", json!({ "wa_id": number }));
        shown
    });
    Ok(HttpResponse::Ok().json(contact))
}

/// Forgets a person and their chats.
pub(crate) async fn delete(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
) -> Result<HttpResponse, ControlError> {
    let number = path.into_inner();
    let removed = simulator.change(|state, fx| {
        fx.tell("contact", json!({ "wa_id": number }));
        state.contacts.remove(&number)
    });
    if !removed {
        return Err(ControlError::Unknown(format!("phone {number}")));
    }
    Ok(HttpResponse::Ok().json(json!({ "success": true })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Read {
    #[serde(default)]
    phone_number_id: Option<String>,
}

/// The person opens the chat: what was delivered becomes read.
pub(crate) async fn read(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
    web::Json(body): web::Json<Read>,
) -> Result<HttpResponse, ControlError> {
    let number_id = business(&simulator, body.phone_number_id)?;
    simulator.change(|state, fx| state.phone_reads(fx, &path.into_inner(), &number_id));
    Ok(HttpResponse::Ok().json(json!({ "success": true })))
}

/// The business number a call is about: the given one, or the one of the settings.
pub(super) fn business(
    simulator: &Simulator,
    given: Option<String>,
) -> Result<String, ControlError> {
    let id = given.unwrap_or_else(|| simulator.settings().phone_number_id.clone());
    let is_known = simulator.read(|state| state.accounts.numbers.contains_key(&id));
    if !is_known {
        return Err(ControlError::Unknown(format!("phone number {id}")));
    }
    Ok(id)
}
