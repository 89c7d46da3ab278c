//! `POST /{number}/messages`: sends, read marks and typing.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use futures::stream;
use serde_json::{Map, Value, json};

use super::access::Caller;
use super::error::GraphError;
use super::parameters::Parameters;
use super::success;
use super::validate::{self, Outgoing};
use crate::state::chat::Accepted;
use crate::state::effects::Effects;
use crate::state::faults::{Faults, WindowCheck};
use crate::state::media;
use crate::state::{State, UnknownObject};

/// Milliseconds of one message of a pair.
const PAIR_INTERVAL_MS: i64 = 6_000;
/// Messages a pair may run ahead.
const PAIR_BURST: i64 = 45;

/// Accepts or refuses a message of the Marketing Messages API.
///
/// # Source
/// Meta, "Marketing Messages API", 2026: marketing templates only, 131055 for anything else.
pub(crate) async fn send_marketing(
    caller: Caller,
    path: web::Path<(String, String)>,
    Parameters(body): Parameters,
) -> Result<HttpResponse, GraphError> {
    check_marketing(&caller, &path.1, &body)?;
    send(caller, path, Parameters(body)).await
}

fn check_marketing(
    caller: &Caller,
    number_id: &str,
    body: &Map<String, Value>,
) -> Result<(), GraphError> {
    let body = Value::Object(body.clone());
    let node = validate::Node::root(&body);
    if let Some(policy) = node.get("product_policy")
        && !["CLOUD_API_FALLBACK", "STRICT"].contains(&policy.text()?)
    {
        return Err(policy.invalid("must be CLOUD_API_FALLBACK or STRICT"));
    }
    let text = |path: &str| body.pointer(path).and_then(Value::as_str);
    let is_marketing = caller.simulator.read(|state| {
        let waba = state.accounts.numbers.get(number_id);
        let template = waba.and_then(|number| {
            let name = text("/template/name")?;
            let language = text("/template/language/code")?;
            state.templates.find(&number.waba_id, name, language)
        });
        template.is_none_or(|template| template.category == "MARKETING")
    });
    if text("/type") == Some("template") && is_marketing {
        Ok(())
    } else {
        Err(GraphError::new(131_055).details("Only marketing templates can be sent here"))
    }
}

/// Accepts or refuses a message.
pub(crate) async fn send(
    caller: Caller,
    path: web::Path<(String, String)>,
    Parameters(body): Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, number_id) = path.into_inner();
    let answer = process(&caller, &number_id, body).await;
    match answer {
        Ok(answer) => Ok(answer),
        Err(error) => {
            caller
                .simulator
                .change(|state, _| *state.refused.entry(error.code()).or_default() += 1);
            Err(error)
        }
    }
}

async fn process(
    caller: &Caller,
    number_id: &str,
    body: Map<String, Value>,
) -> Result<HttpResponse, GraphError> {
    caller
        .simulator
        .read(|state| caller.number(state, "post", number_id))?;
    caller.gate(number_id).await?;
    let body = Value::Object(body);
    if body.get("status").and_then(Value::as_str) == Some("read") {
        return mark_read(caller, number_id, &body);
    }
    let outgoing = validate::outgoing(&body)?;
    let (answer, lost) = caller.simulator.change(|state, fx| {
        let answer = accept(state, fx, number_id, &body, &outgoing)?;
        let lost = state.faults.lose_answer(number_id, &mut state.ids);
        Ok::<_, GraphError>((answer, lost))
    })?;
    if lost {
        return Ok(lost_answer());
    }
    Ok(HttpResponse::Ok().json(answer))
}

/// A body that breaks before its first byte: the server then closes the
/// connection without having written anything.
fn lost_answer() -> HttpResponse {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "answer lost");
    HttpResponse::Ok().streaming(stream::iter([Err::<web::Bytes, _>(broken)]))
}

fn mark_read(caller: &Caller, number_id: &str, body: &Value) -> Result<HttpResponse, GraphError> {
    let node = validate::Node::root(body);
    let id = node.need_text("message_id", 1024)?;
    let typing = node.get("typing_indicator").is_some();
    caller
        .simulator
        .change(|state, fx| state.business_reads(fx, number_id, id, typing))
        .map_err(|error: UnknownObject| {
            GraphError::parameter("Invalid parameter").details(error.to_string())
        })?;
    Ok(success())
}

/// Applies the rules that depend on the state, then takes the message.
fn accept(
    state: &mut State,
    fx: &mut Effects,
    number_id: &str,
    body: &Value,
    send: &Outgoing,
) -> Result<Value, GraphError> {
    let faults = state.faults.of(number_id);
    let waba_id = check_number(state, fx, number_id, &faults)?;
    let wa_id = recipient(state, send)?;
    check_recipient(state, number_id, &wa_id)?;
    let category = check_template(state, &waba_id, body, send, &faults)?;
    let mut failure = check_media(state, number_id, send)?;
    if category.is_none() && !state.window_open(&wa_id, number_id, fx.now) {
        match faults.enforce_window.unwrap_or(WindowCheck::Off) {
            WindowCheck::Off => {}
            WindowCheck::Status => failure = Some((131_047, None)),
            WindowCheck::Answer => {
                let details = "Message failed to send because more than 24 hours have passed \
                               since the customer last replied to this number.";
                return Err(GraphError::new(131_047).details(details));
            }
        }
    }
    if faults.pair_rate == Some(true) {
        check_pair(state, fx, number_id, &wa_id)?;
    }
    let by_user_id = send.user_id.is_some();
    let is_template = send.kind == "template";
    let id = state.accept(
        fx,
        Accepted {
            number_id: number_id.to_owned(),
            wa_id: wa_id.clone(),
            kind: send.kind.clone(),
            body: Arc::from(body.to_string()),
            callback_data: send.callback_data.clone(),
            by_user_id,
            template_category: category,
            failure,
            reaction: send.reaction.clone(),
        },
    );
    Ok(answer(send, &wa_id, &id, is_template))
}

fn answer(send: &Outgoing, wa_id: &str, id: &str, is_template: bool) -> Value {
    let contact = match &send.user_id {
        Some(user_id) => json!({ "input": send.input, "user_id": user_id }),
        None => json!({ "input": send.input, "wa_id": wa_id }),
    };
    let mut message = json!({ "id": id });
    if let Some(message) = message.as_object_mut() {
        if is_template {
            message.insert("message_status".to_owned(), "accepted".into());
        }
        if send.is_group {
            message.insert("group_id".to_owned(), wa_id.into());
        }
    }
    json!({ "messaging_product": "whatsapp", "contacts": [contact], "messages": [message] })
}

fn check_number(
    state: &mut State,
    fx: &Effects,
    number_id: &str,
    faults: &Faults,
) -> Result<String, GraphError> {
    let number = state
        .accounts
        .numbers
        .get_mut(number_id)
        .ok_or_else(|| GraphError::unknown_object("post", number_id))?;
    if !number.registered {
        return Err(GraphError::new(133_010));
    }
    let limit = (faults.throttling == Some(true)).then_some(number.throughput_mps);
    if !number.admit(fx.instant, limit) {
        let details = "Message failed to send because there were too many messages sent from \
                       this phone number in a short period of time.";
        return Err(GraphError::new(130_429).details(details));
    }
    Ok(number.waba_id.clone())
}

/// Finds the person; a number that never wrote becomes a contact.
fn recipient(state: &mut State, send: &Outgoing) -> Result<String, GraphError> {
    if let Some(user_id) = &send.user_id {
        let contact = state.contacts.by_user_id(user_id);
        return contact
            .map(|contact| contact.wa_id.clone())
            .ok_or_else(|| GraphError::new(131_026).details("Unknown business-scoped user id"));
    }
    let to = send.to.clone().unwrap_or_default();
    if let Some(contact) = state.contacts.dialled(&to) {
        return Ok(contact.wa_id.clone());
    }
    Ok(state.contacts.ensure(&to, &to).wa_id.clone())
}

fn check_recipient(state: &State, number_id: &str, wa_id: &str) -> Result<(), GraphError> {
    let Some(number) = state.accounts.numbers.get(number_id) else {
        return Ok(());
    };
    if number.digits() == wa_id {
        return Err(GraphError::new(131_021));
    }
    let allowed = &number.allowed_recipients;
    if !allowed.is_empty() && !allowed.iter().any(|allowed| allowed == wa_id) {
        let details = "Recipient phone number not in allowed list: add the recipient phone \
                       number to the recipient list and try again.";
        return Err(GraphError::new(131_030).details(details));
    }
    Ok(())
}

/// Category of the template, when the send is one.
fn check_template(
    state: &State,
    waba_id: &str,
    body: &Value,
    send: &Outgoing,
    faults: &Faults,
) -> Result<Option<String>, GraphError> {
    if send.kind != "template" {
        return Ok(send.is_utility.then(|| "UTILITY".to_owned()));
    }
    let text = |path: &str| body.pointer(path).and_then(Value::as_str);
    let name = text("/template/name").unwrap_or_default();
    let language = text("/template/language/code").unwrap_or_default();
    let template = state.templates.find(waba_id, name, language);
    if template.is_none() && faults.lenient_templates == Some(true) {
        return Ok(Some("UTILITY".to_owned()));
    }
    validate::check_template(body, template)?;
    let category = template.map(|template| template.category.clone());
    if send.user_id.is_some() && category.as_deref() == Some("AUTHENTICATION") {
        return Err(GraphError::new(131_062));
    }
    Ok(category)
}

/// Files must be there; one of the wrong kind fails the message later.
fn check_media(
    state: &State,
    number_id: &str,
    send: &Outgoing,
) -> Result<Option<(i64, Option<String>)>, GraphError> {
    let mut failure = None;
    for (kind, id) in &send.media {
        let Some(file) = state
            .media
            .get(id)
            .filter(|file| file.number_id == number_id)
        else {
            let details = format!("Media with id {id} was not found for this phone number");
            return Err(GraphError::new(131_009).details(details));
        };
        let fits = match media::limit(&file.mime_type) {
            Some(_) if kind == validate::VOICE => file.mime_type.starts_with("audio/ogg"),
            Some((found, _)) => found == kind || kind == "document",
            None => false,
        };
        if !fits {
            let details = format!("Uploading media failed: {} is not a {kind}", file.mime_type);
            failure = Some((131_053, Some(details)));
        }
    }
    Ok(failure)
}

/// One message per 6 seconds to the same person, 45 ahead of time.
///
/// # Source
/// Meta, "Pair rate limits".
fn check_pair(
    state: &mut State,
    fx: &Effects,
    number_id: &str,
    wa_id: &str,
) -> Result<(), GraphError> {
    let Some(thread) = state.contacts.thread_mut(wa_id, number_id) else {
        return Ok(());
    };
    let now = fx.now.timestamp_millis();
    let due = thread.pair_due_ms.max(now);
    if due - now > PAIR_INTERVAL_MS * (PAIR_BURST - 1) {
        let details = "Too many messages sent from this phone number to the same recipient \
                       phone number in a short period of time.";
        return Err(GraphError::new(131_056).details(details));
    }
    thread.pair_due_ms = due + PAIR_INTERVAL_MS;
    Ok(())
}
