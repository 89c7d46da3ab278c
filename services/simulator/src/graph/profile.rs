//! `/{number}/whatsapp_business_profile`.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::access::Caller;
use super::error::GraphError;
use super::parameters::{Parameters, select};
use super::success;

/// Text fields and their limits in characters.
const TEXTS: &[(&str, usize)] = &[
    ("about", 139),
    ("address", 256),
    ("description", 512),
    ("email", 128),
    ("vertical", 64),
];

/// Reads the profile.
pub(crate) async fn get(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, id) = path.into_inner();
    caller.gate(&id).await?;
    let profile = caller.simulator.read(|state| {
        caller.number(state, "get", &id)?;
        let number = state.accounts.numbers.get(&id);
        let mut profile = number
            .map(|number| number.profile.clone())
            .unwrap_or_default();
        profile.insert("messaging_product".to_owned(), json!("whatsapp"));
        profile
            .entry("vertical")
            .or_insert_with(|| json!("UNDEFINED"));
        Ok::<_, GraphError>(Value::Object(profile))
    })?;
    let profile = match parameters.fields() {
        Some(mut fields) => {
            fields.push("messaging_product".to_owned());
            select(profile, &fields)
        }
        None => profile,
    };
    Ok(HttpResponse::Ok().json(json!({ "data": [profile] })))
}

/// Changes the given fields.
pub(crate) async fn update(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, id) = path.into_inner();
    caller.gate(&id).await?;
    parameters.need("messaging_product")?;
    for (name, max) in TEXTS {
        let text = parameters.text(name).unwrap_or_default();
        if text.chars().count() > *max {
            let reason = format!("Param {name} must be at most {max} characters long.");
            return Err(GraphError::parameter(&reason));
        }
    }
    let websites = parameters.0.get("websites").and_then(Value::as_array);
    if websites.is_some_and(|websites| websites.len() > 2) {
        return Err(GraphError::parameter(
            "Param websites must have at most 2 elements.",
        ));
    }
    caller.simulator.change(|state, _| {
        caller.number(state, "post", &id)?;
        if let Some(number) = state.accounts.numbers.get_mut(&id) {
            let known =
                |name: &str| name == "websites" || TEXTS.iter().any(|(text, _)| *text == name);
            let fields = parameters.0.iter().filter(|(name, _)| known(name));
            number
                .profile
                .extend(fields.map(|(name, value)| (name.clone(), value.clone())));
        }
        Ok::<_, GraphError>(())
    })?;
    Ok(success())
}
