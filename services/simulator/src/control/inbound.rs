//! What phones send to the business.

use std::time::Duration;

use actix_multipart::form::MultipartForm;
use actix_multipart::form::bytes::Bytes as BytesField;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::ControlError;
use super::phones::{business, wa_id};
use crate::graph::error::webhook_error;
use crate::graph::media::link;
use crate::state::accounts::Number;
use crate::state::ids::Direction;
use crate::state::media::Media;
use crate::state::{Simulator, State};

/// Messages injected under one lock.
const BULK_AT_ONCE: usize = 250;

/// A message as a phone sends it; everything that is not named here goes into
/// the webhook as it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Inbound {
    #[serde(default)]
    phone_number_id: Option<String>,
    /// Profile name of a person who is not known yet.
    #[serde(default)]
    name: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    /// Message this one answers.
    #[serde(default)]
    context: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Injects one message.
pub(crate) async fn message(
    simulator: web::Data<Simulator>,
    path: web::Path<String>,
    web::Json(inbound): web::Json<Inbound>,
) -> Result<HttpResponse, ControlError> {
    let id = inject(&simulator, &path.into_inner(), inbound)?;
    Ok(HttpResponse::Ok().json(json!({ "id": id })))
}

/// Puts a message into the chat and posts its webhook; returns its wamid.
pub(crate) fn inject(
    simulator: &Simulator,
    phone: &str,
    inbound: Inbound,
) -> Result<String, ControlError> {
    let phone = wa_id(phone)?;
    let number_id = business(simulator, inbound.phone_number_id.clone())?;
    simulator.change(|state, fx| {
        if let Some(name) = &inbound.name {
            state.contacts.ensure(&phone, name);
        }
        let object = compose(simulator, state, &number_id, &phone, inbound)?;
        Ok(state.receive(fx, &number_id, &phone, object)?)
    })
}

/// Turns the short forms into the webhook's message object.
fn compose(
    simulator: &Simulator,
    state: &mut State,
    number_id: &str,
    phone: &str,
    inbound: Inbound,
) -> Result<Map<String, Value>, ControlError> {
    let Inbound {
        kind,
        context,
        rest: mut object,
        ..
    } = inbound;
    if let Some(context) = context {
        let context = compose_context(state, number_id, phone, context);
        object.insert("context".to_owned(), context);
    }
    let content = object.remove(&kind);
    let (kind, content) = match kind.as_str() {
        "text" => {
            let content = content.unwrap_or(Value::Null);
            let body = content.as_str().map(|body| json!({ "body": body }));
            (kind, Some(body.unwrap_or(content)))
        }
        "button_reply" | "list_reply" | "nfm_reply" => {
            let mut reply = json!({ "type": kind });
            if let (Some(reply), Some(content)) = (reply.as_object_mut(), content) {
                reply.insert(kind, content);
            }
            ("interactive".to_owned(), Some(reply))
        }
        "image" | "audio" | "video" | "document" | "sticker" => {
            let content = content.unwrap_or_else(|| json!({}));
            let content = compose_media(simulator, state, number_id, &kind, content)?;
            (kind, Some(content))
        }
        "unsupported" => {
            object
                .entry("errors")
                .or_insert_with(|| json!([webhook_error(131_051, None)]));
            (
                kind,
                Some(content.unwrap_or_else(|| json!({ "type": "unknown" }))),
            )
        }
        _ => (kind, content),
    };
    if kind == "text"
        && content
            .as_ref()
            .and_then(|content| content.get("body"))
            .is_none()
    {
        return Err(ControlError::Invalid(
            "a text message needs a body".to_owned(),
        ));
    }
    if let Some(content) = content {
        object.insert(kind.clone(), content);
    }
    object.insert("type".to_owned(), json!(kind));
    Ok(object)
}

/// `{message_id}` becomes `{from, id}`; anything else stays.
fn compose_context(state: &State, number_id: &str, phone: &str, context: Value) -> Value {
    let Some(id) = context.get("message_id").and_then(Value::as_str) else {
        return context;
    };
    let is_own = state
        .messages
        .get(id)
        .is_some_and(|message| message.direction == Direction::Inbound);
    let from = if is_own {
        phone.to_owned()
    } else {
        let number = state.accounts.numbers.get(number_id);
        number.map(Number::digits).unwrap_or_default()
    };
    json!({ "from": from, "id": id })
}

/// A file given in base64 or by the id of an upload.
fn compose_media(
    simulator: &Simulator,
    state: &mut State,
    number_id: &str,
    kind: &str,
    mut content: Value,
) -> Result<Value, ControlError> {
    let text = |name: &str| content.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = match (text("data"), text("id")) {
        (Some(data), _) => {
            let bytes = STANDARD
                .decode(data)
                .map_err(|error| ControlError::Invalid(format!("data is not base64: {error}")))?;
            let id = state.ids.numeric();
            state.media.insert(Media {
                id: id.clone(),
                number_id: number_id.to_owned(),
                mime_type: text("mime_type").unwrap_or_else(|| default_type(kind).to_owned()),
                filename: text("filename"),
                bytes: Bytes::from(bytes),
            });
            id
        }
        (None, Some(id)) => id,
        (None, None) => {
            let reason = format!("{kind} needs data (base64) or the id of an upload");
            return Err(ControlError::Invalid(reason));
        }
    };
    let Some(object) = content.as_object_mut() else {
        return Err(ControlError::Invalid(format!("{kind} must be an object")));
    };
    object.remove("data");
    object.insert("id".to_owned(), json!(id));
    // An id that is not here stays as given: its download will fail, as it may at Meta.
    if let Some(file) = state.media.get(&id) {
        object.insert("mime_type".to_owned(), json!(file.mime_type));
        object.insert("sha256".to_owned(), json!(file.sha256_base64()));
        let url = link(simulator, simulator.base_url(), &id);
        object.insert("url".to_owned(), json!(url));
        if kind == "document" {
            let name = file.filename.clone().unwrap_or_else(|| "file".to_owned());
            object.entry("filename").or_insert_with(|| json!(name));
        }
    }
    match kind {
        "audio" => object.entry("voice").or_insert(json!(false)),
        "sticker" => object.entry("animated").or_insert(json!(false)),
        _ => return Ok(content),
    };
    Ok(content)
}

fn default_type(kind: &str) -> &'static str {
    match kind {
        "image" => "image/jpeg",
        "audio" => "audio/ogg; codecs=opus",
        "video" => "video/mp4",
        "sticker" => "image/webp",
        _ => "application/pdf",
    }
}

#[derive(Debug, MultipartForm)]
pub(crate) struct PhoneUpload {
    #[multipart(limit = "101MB")]
    file: BytesField,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WhichNumber {
    phone_number_id: Option<String>,
}

/// Uploads a file a phone is about to send.
pub(crate) async fn media(
    simulator: web::Data<Simulator>,
    _phone: web::Path<String>,
    query: web::Query<WhichNumber>,
    MultipartForm(form): MultipartForm<PhoneUpload>,
) -> Result<HttpResponse, ControlError> {
    let number_id = business(&simulator, query.into_inner().phone_number_id)?;
    let mime_type = form.file.content_type.as_ref().map_or_else(
        || "application/octet-stream".to_owned(),
        ToString::to_string,
    );
    let id = simulator.change(|state, _| {
        let id = state.ids.numeric();
        state.media.insert(Media {
            id: id.clone(),
            number_id,
            mime_type: mime_type.clone(),
            filename: form.file.file_name,
            bytes: form.file.data,
        });
        id
    });
    Ok(HttpResponse::Ok().json(json!({ "id": id, "mime_type": mime_type })))
}

/// Many text messages at once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bulk {
    #[serde(default)]
    phone_number_id: Option<String>,
    /// Number of the first phone; the others follow it.
    #[serde(default = "first_phone")]
    first_phone: u64,
    /// Phones that write.
    #[serde(default = "one")]
    phones: u64,
    /// Messages of each phone.
    #[serde(default = "one")]
    messages: u64,
    /// Text; `{n}` becomes the number of the message.
    #[serde(default = "bulk_text")]
    text: String,
    /// Messages a second; absent means as fast as possible.
    #[serde(default)]
    per_second: Option<u64>,
}

const fn first_phone() -> u64 {
    15_550_200_000
}

const fn one() -> u64 {
    1
}

fn bulk_text() -> String {
    "Message {n}".to_owned()
}

/// Injects messages of many phones, round robin, so that each chat keeps its order.
pub(crate) async fn bulk(
    simulator: web::Data<Simulator>,
    web::Json(bulk): web::Json<Bulk>,
) -> Result<HttpResponse, ControlError> {
    let number_id = business(&simulator, bulk.phone_number_id.clone())?;
    let total = bulk.phones.max(1).saturating_mul(bulk.messages);
    if total > 1_000_000 {
        let reason = "at most 1,000,000 messages at once".to_owned();
        return Err(ControlError::Invalid(reason));
    }
    // A slice every 20 ms keeps the pace even.
    let slice = bulk
        .per_second
        .and_then(|rate| usize::try_from(rate.div_ceil(50)).ok())
        .unwrap_or(BULK_AT_ONCE);
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let simulator = simulator.into_inner();
    let mut at = 0;
    while at < total {
        if bulk.per_second.is_some() {
            pace.tick().await;
        } else {
            tokio::task::yield_now().await;
        }
        let until = (at + u64::try_from(slice.max(1)).unwrap_or(1)).min(total);
        simulator.change(|state, fx| {
            for n in at..until {
                let phone = (bulk.first_phone + n % bulk.phones.max(1)).to_string();
                let body = bulk.text.replace("{n}", &n.to_string());
                let mut object = Map::new();
                object.insert("type".to_owned(), json!("text"));
                object.insert("text".to_owned(), json!({ "body": body }));
                state.receive(fx, &number_id, &phone, object)?;
            }
            Ok::<_, ControlError>(())
        })?;
        at = until;
    }
    Ok(HttpResponse::Ok().json(json!({ "injected": total })))
}
