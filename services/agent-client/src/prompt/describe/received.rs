//! What only contacts and WhatsApp itself send.

use sb_domain::content::{CallPermissionReply, OrderItem, Part};
use serde_json::Value;

use super::RAW_CHARS_MAX;
use crate::prompt::tag::{Tag, shortened};

/// Cards shown of one message.
const CARDS_MAX: usize = 20;

/// The part in tags; `None` when the model has nothing to learn from it.
pub(super) fn describe(part: &Part) -> Option<String> {
    let tag = match part {
        Part::Contacts { contacts } => cards(contacts),
        Part::FlowReply { name, response, .. } => flow(name, response),
        Part::CallPermissionReply(reply) => permission(reply),
        Part::Order { text, items, .. } => order(text.as_deref(), items),
        Part::System(notice) => Tag::new("notice").text(notice.body.as_deref()?),
        Part::RequestWelcome {} => Tag::new("chat_opened"),
        Part::Unsupported { meta_type, .. } => {
            Tag::new("unsupported").attribute("type", meta_type.as_deref().unwrap_or_default())
        }
        Part::MediaPlaceholder {} => Tag::new("file"),
        Part::Text { .. }
        | Part::Interactive(_)
        | Part::Pin(_)
        | Part::Media(_)
        | Part::Template(_)
        | Part::Reaction { .. }
        | Part::Location { .. }
        | Part::Note { .. }
        | Part::ButtonReply { .. }
        | Part::ListReply { .. }
        | Part::Raw { .. } => return None,
    };
    Some(tag.render())
}

fn cards(contacts: &[Value]) -> Tag {
    let text = |card: &Value, pointer: &str| {
        card.pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    contacts
        .iter()
        .take(CARDS_MAX)
        .fold(Tag::new("contacts"), |tag, card| {
            tag.child(
                Tag::new("contact")
                    .attribute("name", &text(card, "/name/formatted_name"))
                    .attribute("phone", &text(card, "/phones/0/phone"))
                    .attribute("email", &text(card, "/emails/0/email")),
            )
        })
}

fn flow(name: &str, response: &Value) -> Tag {
    let shown = response
        .as_str()
        .map_or_else(|| response.to_string(), str::to_owned);
    Tag::new("form")
        .attribute("name", name)
        .text(shortened(&shown, RAW_CHARS_MAX))
}

fn permission(reply: &CallPermissionReply) -> Tag {
    Tag::new("call_permission").attribute("answer", if reply.accepted { "yes" } else { "no" })
}

fn order(text: Option<&str>, items: &[OrderItem]) -> Tag {
    let tag = items.iter().fold(Tag::new("order"), |tag, item| {
        tag.child(
            Tag::new("item")
                .attribute("product", &item.retailer_id)
                .attribute("quantity", &item.quantity.to_string())
                .attribute("price", &item.price.to_string())
                .attribute("currency", &item.currency),
        )
    });
    match text {
        Some(text) => tag.child(Tag::new("text").text(text)),
        None => tag,
    }
}
