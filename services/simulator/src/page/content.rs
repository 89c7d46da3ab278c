//! What a message shows, whatever its type and direction.

use serde_json::{Value, json};

use super::text::{Span, spans};
use crate::state::State;
use crate::state::messages::Message;

/// A picture, sound, film or file.
#[derive(Debug, Clone)]
pub(crate) struct MediaView {
    pub(crate) kind: String,
    pub(crate) src: String,
    pub(crate) name: String,
}

/// Something to press. Pressing it sends `send` as the phone.
#[derive(Debug, Clone)]
pub(crate) struct ButtonView {
    pub(crate) label: String,
    pub(crate) description: String,
    /// JSON of the message to send; empty for a link or a dead button.
    pub(crate) send: String,
    pub(crate) url: String,
}

/// A titled group of rows.
#[derive(Debug, Clone)]
pub(crate) struct SectionView {
    pub(crate) title: String,
    pub(crate) rows: Vec<ButtonView>,
}

/// The parts of a bubble, top to bottom; empty ones are not shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    pub(crate) media: Option<MediaView>,
    pub(crate) header: String,
    pub(crate) body: Vec<Span>,
    pub(crate) footer: String,
    /// A line about what cannot be drawn: a place, a card, an order.
    pub(crate) note: String,
    pub(crate) buttons: Vec<ButtonView>,
    pub(crate) list_label: String,
    pub(crate) sections: Vec<SectionView>,
    pub(crate) cards: Vec<Content>,
}

/// Text at a JSON pointer, or nothing.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn list<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value
        .pointer(path)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Draws a message.
pub(crate) fn content(state: &State, message: &Message) -> Content {
    let json = message.json();
    let part = json.get(&message.kind).unwrap_or(&Value::Null);
    let mut content = match message.kind.as_str() {
        "text" => plain(text(part, "/body")),
        "image" | "video" | "audio" | "document" | "sticker" => Content {
            media: Some(media(state, &message.kind, part)),
            body: spans(text(part, "/caption")),
            ..Content::default()
        },
        "template" => super::template::content(state, message, &json),
        "interactive" => interactive(state, &message.id, part),
        "button" => plain(text(part, "/text")),
        _ => Content {
            note: note(&message.kind, part),
            ..Content::default()
        },
    };
    if let Some(edited) = &message.edited {
        content.body = spans(edited);
    }
    content
}

pub(super) fn plain(body: &str) -> Content {
    Content {
        body: spans(body),
        ..Content::default()
    }
}

pub(super) fn media(state: &State, kind: &str, part: &Value) -> MediaView {
    let id = text(part, "/id");
    let file = state.media.get(id);
    let name = [
        text(part, "/filename"),
        file.and_then(|file| file.filename.as_deref())
            .unwrap_or_default(),
        kind,
    ];
    let name = name.iter().find(|name| !name.is_empty()).copied();
    let link = text(part, "/link");
    let src = if !link.is_empty() {
        link.to_owned()
    } else if file.is_some() {
        format!("/page/media/{id}")
    } else {
        String::new()
    };
    MediaView {
        kind: kind.to_owned(),
        src,
        name: name.unwrap_or_default().to_owned(),
    }
}

/// One line for messages without a drawing of their own.
fn note(kind: &str, part: &Value) -> String {
    match kind {
        "location" => {
            let place = [text(part, "/name"), text(part, "/address")];
            let at = |field: &str| part.get(field).map(ToString::to_string);
            let (latitude, longitude) = (at("latitude"), at("longitude"));
            let place: Vec<&str> = place.into_iter().filter(|text| !text.is_empty()).collect();
            format!(
                "📍 {} ({}, {})",
                place.join(", "),
                latitude.unwrap_or_default().trim_matches('"'),
                longitude.unwrap_or_default().trim_matches('"')
            )
        }
        "contacts" => {
            let names = list(part, "").map(|card| {
                let phone = text(card, "/phones/0/phone");
                format!("👤 {} {phone}", text(card, "/name/formatted_name"))
            });
            names.collect::<Vec<_>>().join("\n")
        }
        "order" => format!(
            "🛒 Order of {} products",
            list(part, "/product_items").count()
        ),
        "unsupported" => "This message type is not supported by the API".to_owned(),
        "request_welcome" => "Opened the chat".to_owned(),
        "system" => text(part, "/body").to_owned(),
        other => format!("[{other}]"),
    }
}

fn interactive(state: &State, id: &str, part: &Value) -> Content {
    let kind = text(part, "/type");
    let reply = part.get(kind).unwrap_or(&Value::Null);
    match kind {
        "button_reply" | "list_reply" => return plain(text(reply, "/title")),
        "nfm_reply" => return plain(text(reply, "/body")),
        "call_permission_reply" => return plain("Answered the call permission request"),
        _ => {}
    }
    let header_kind = text(part, "/header/type");
    let header_media = ["image", "video", "document"]
        .contains(&header_kind)
        .then(|| part.pointer(&format!("/header/{header_kind}")))
        .flatten();
    Content {
        media: header_media.map(|file| media(state, header_kind, file)),
        header: text(part, "/header/text").to_owned(),
        body: spans(text(part, "/body/text")),
        footer: text(part, "/footer/text").to_owned(),
        buttons: buttons(id, kind, part),
        list_label: text(part, "/action/button").to_owned(),
        sections: sections(id, kind, part),
        cards: list(part, "/action/cards")
            .map(|card| interactive(state, id, card))
            .collect(),
        ..Content::default()
    }
}

fn buttons(id: &str, kind: &str, part: &Value) -> Vec<ButtonView> {
    match kind {
        "button" => list(part, "/action/buttons")
            .map(|button| {
                let reply = button.get("reply").unwrap_or(&Value::Null);
                let title = text(reply, "/title");
                press(
                    title,
                    &json!({ "type": "button_reply", "button_reply": reply }),
                    id,
                )
            })
            .collect(),
        "cta_url" => vec![ButtonView {
            label: text(part, "/action/parameters/display_text").to_owned(),
            description: String::new(),
            send: String::new(),
            url: web_url(text(part, "/action/parameters/url")),
        }],
        "location_request_message" => vec![press(
            "Send location",
            &json!({ "type": "location", "location": { "latitude": -23.5614, "longitude": -46.6559,
                "name": "Avenida Paulista", "address": "São Paulo, Brazil" } }),
            id,
        )],
        "flow" => vec![press(
            text(part, "/action/parameters/flow_cta"),
            &json!({ "type": "nfm_reply", "nfm_reply": { "name": "flow", "body": "Sent",
                "response_json": json!({
                    "flow_token": text(part, "/action/parameters/flow_token"),
                }).to_string() } }),
            id,
        )],
        "call_permission_request" => ["accept", "reject"]
            .map(|answer| {
                let reply = json!({ "type": "interactive", "interactive": {
                    "type": "call_permission_reply", "call_permission_reply": {
                        "response": answer, "is_permanent": false,
                        "response_source": "user_action" } } });
                press(answer, &reply, id)
            })
            .to_vec(),
        "product"
        | "product_list"
        | "catalog_message"
        | "address_message"
        | "voice_call"
        | "request_contact_info" => vec![ButtonView {
            label: kind.replace('_', " "),
            description: String::new(),
            send: String::new(),
            url: String::new(),
        }],
        _ => Vec::new(),
    }
}

fn sections(id: &str, kind: &str, part: &Value) -> Vec<SectionView> {
    if kind != "list" {
        return Vec::new();
    }
    let sections = list(part, "/action/sections").map(|section| SectionView {
        title: text(section, "/title").to_owned(),
        rows: list(section, "/rows")
            .map(|row| ButtonView {
                description: text(row, "/description").to_owned(),
                ..press(
                    text(row, "/title"),
                    &json!({ "type": "list_reply", "list_reply": row }),
                    id,
                )
            })
            .collect(),
    });
    sections.collect()
}

/// A button that answers a message.
pub(super) fn press(label: &str, send: &Value, answers: &str) -> ButtonView {
    let mut send = send.clone();
    if let Some(send) = send.as_object_mut() {
        send.insert("context".to_owned(), json!({ "message_id": answers }));
    }
    ButtonView {
        label: label.to_owned(),
        description: String::new(),
        send: send.to_string(),
        url: String::new(),
    }
}

/// Only web addresses become links of the page.
pub(super) fn web_url(url: &str) -> String {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if is_web {
        url.to_owned()
    } else {
        String::new()
    }
}

/// One line for the list of chats and for quotes.
pub(crate) fn summary(message: &Message) -> String {
    let json = message.json();
    let part = json.get(&message.kind).unwrap_or(&Value::Null);
    let line = match message.kind.as_str() {
        "text" => text(part, "/body").to_owned(),
        "image" => format!("📷 {}", or(text(part, "/caption"), "Photo")),
        "video" => format!("🎬 {}", or(text(part, "/caption"), "Video")),
        "audio" => "🎤 Audio".to_owned(),
        "sticker" => "Sticker".to_owned(),
        "document" => format!("📄 {}", or(text(part, "/filename"), "Document")),
        "template" => format!("Template {}", text(part, "/name")),
        "button" => text(part, "/text").to_owned(),
        "reaction" => format!("Reacted {}", text(part, "/emoji")),
        "interactive" => {
            let kind = text(part, "/type");
            let title = text(part, &format!("/{kind}/title"));
            or(title, or(text(part, "/body/text"), "Interactive message")).to_owned()
        }
        kind => note(kind, part),
    };
    line.lines().next().unwrap_or_default().to_owned()
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}
