//! Meta's form of interactive messages.

use sb_domain::content::{
    Action, CarouselCard, FlowAction, Header, InteractivePart, ListSection, MediaPart,
    ProductReference, ProductSection, ReplyButton,
};
use serde_json::{Map, Value, json};

use super::{media, put};

/// Version of the flow message format.
///
/// # Source
/// Meta, "Interactive flow messages": always 3.
const FLOW_MESSAGE_VERSION: &str = "3";

/// The `interactive` object.
pub(super) fn interactive(message: &InteractivePart) -> Value {
    let mut object = Map::new();
    object.insert("type".to_owned(), message.action.meta_type().into());
    if let Some(header) = &message.header {
        object.insert("header".to_owned(), self::header(header));
    }
    for (key, text) in [("body", &message.body), ("footer", &message.footer)] {
        if let Some(text) = text {
            object.insert(key.to_owned(), json!({ "text": text }));
        }
    }
    object.insert("action".to_owned(), action(&message.action));
    Value::Object(object)
}

fn header(header: &Header) -> Value {
    match header {
        Header::Text { text } => json!({ "type": "text", "text": text }),
        Header::Media(file) => media_header(file),
    }
}

fn media_header(file: &MediaPart) -> Value {
    let kind = file.kind.as_str();
    json!({ "type": kind, kind: media(file) })
}

/// An action that is a name and, for some, parameters.
fn named(name: &str, parameters: Map<String, Value>) -> Value {
    let mut action = Map::new();
    action.insert("name".to_owned(), name.into());
    if !parameters.is_empty() {
        action.insert("parameters".to_owned(), parameters.into());
    }
    Value::Object(action)
}

fn action(action: &Action) -> Value {
    match action {
        Action::Buttons { buttons } => {
            let buttons: Vec<Value> = buttons.iter().map(reply_button).collect();
            json!({ "buttons": buttons })
        }
        Action::List { button, sections } => {
            let sections: Vec<Value> = sections.iter().map(list_section).collect();
            json!({ "button": button, "sections": sections })
        }
        Action::CtaUrl { display_text, url } => cta_url(display_text, url),
        Action::Flow(flow) => named("flow", flow_parameters(flow)),
        Action::Product(product) => reference(product),
        Action::ProductList {
            catalog_id,
            sections,
        } => {
            let sections: Vec<Value> = sections.iter().map(product_section).collect();
            json!({ "catalog_id": catalog_id, "sections": sections })
        }
        Action::Carousel { cards } => {
            let cards: Vec<Value> = cards.iter().enumerate().map(card).collect();
            json!({ "cards": cards })
        }
        Action::LocationRequest {} => named("send_location", Map::new()),
        Action::Catalog { .. }
        | Action::AddressRequest { .. }
        | Action::CallPermissionRequest {}
        | Action::VoiceCall { .. }
        | Action::ContactInfoRequest {} => named(action.meta_type(), parameters(action)),
    }
}

/// Parameters of actions whose name is that of the message's kind.
fn parameters(action: &Action) -> Map<String, Value> {
    let mut parameters = Map::new();
    match action {
        Action::Catalog {
            thumbnail_product_retailer_id: id,
        } => put(
            &mut parameters,
            "thumbnail_product_retailer_id",
            id.as_deref(),
        ),
        Action::AddressRequest {
            country,
            values,
            saved_addresses,
            validation_errors,
        } => {
            let errors = validation_errors.as_ref();
            put(&mut parameters, "country", Some(country));
            put_value(&mut parameters, "values", values.as_ref());
            if !saved_addresses.is_empty() {
                let saved = saved_addresses.clone();
                parameters.insert("saved_addresses".to_owned(), saved.into());
            }
            put_value(&mut parameters, "validation_errors", errors);
        }
        Action::VoiceCall {
            display_text,
            ttl_minutes,
            payload,
        } => {
            put(&mut parameters, "display_text", display_text.as_deref());
            put(&mut parameters, "payload", payload.as_deref());
            if let Some(minutes) = ttl_minutes {
                parameters.insert("ttl_minutes".to_owned(), (*minutes).into());
            }
        }
        Action::Buttons { .. }
        | Action::List { .. }
        | Action::CtaUrl { .. }
        | Action::Flow(_)
        | Action::Product(_)
        | Action::ProductList { .. }
        | Action::LocationRequest {}
        | Action::CallPermissionRequest {}
        | Action::Carousel { .. }
        | Action::ContactInfoRequest {} => {}
    }
    parameters
}

fn reply_button(button: &ReplyButton) -> Value {
    json!({ "type": "reply", "reply": { "id": button.id, "title": button.title } })
}

fn list_section(section: &ListSection) -> Value {
    let mut object = Map::new();
    put(&mut object, "title", section.title.as_deref());
    let rows: Vec<Value> = section
        .rows
        .iter()
        .map(|row| {
            let mut object = Map::new();
            put(&mut object, "id", Some(&row.id));
            put(&mut object, "title", Some(&row.title));
            put(&mut object, "description", row.description.as_deref());
            Value::Object(object)
        })
        .collect();
    object.insert("rows".to_owned(), rows.into());
    Value::Object(object)
}

fn cta_url(display_text: &str, url: &str) -> Value {
    json!({ "name": "cta_url", "parameters": { "display_text": display_text, "url": url } })
}

fn flow_parameters(flow: &FlowAction) -> Map<String, Value> {
    let mut parameters = Map::new();
    put(
        &mut parameters,
        "flow_message_version",
        Some(FLOW_MESSAGE_VERSION),
    );
    put(&mut parameters, "flow_id", flow.flow_id.as_deref());
    put(&mut parameters, "flow_name", flow.flow_name.as_deref());
    put(&mut parameters, "flow_cta", Some(&flow.cta));
    put(&mut parameters, "flow_token", flow.token.as_deref());
    if flow.draft {
        put(&mut parameters, "mode", Some("draft"));
    }
    let start = if flow.data_exchange {
        Some("data_exchange")
    } else {
        flow.screen.as_ref().map(|_| "navigate")
    };
    put(&mut parameters, "flow_action", start);
    if let Some(screen) = &flow.screen {
        let mut payload = Map::new();
        put(&mut payload, "screen", Some(screen));
        put_value(&mut payload, "data", flow.data.as_ref());
        parameters.insert("flow_action_payload".to_owned(), payload.into());
    }
    parameters
}

fn reference(product: &ProductReference) -> Value {
    json!({
        "catalog_id": product.catalog_id,
        "product_retailer_id": product.product_retailer_id,
    })
}

fn product_section(section: &ProductSection) -> Value {
    let items: Vec<Value> = section
        .product_retailer_ids
        .iter()
        .map(|id| json!({ "product_retailer_id": id }))
        .collect();
    let mut object = Map::new();
    put(&mut object, "title", section.title.as_deref());
    object.insert("product_items".to_owned(), items.into());
    Value::Object(object)
}

fn card((index, card): (usize, &CarouselCard)) -> Value {
    let mut object = Map::new();
    object.insert("card_index".to_owned(), index.into());
    match card {
        CarouselCard::CtaUrl {
            media,
            body,
            display_text,
            url,
        } => {
            put(&mut object, "type", Some("cta_url"));
            object.insert("header".to_owned(), media_header(media));
            if let Some(body) = body {
                object.insert("body".to_owned(), json!({ "text": body }));
            }
            object.insert("action".to_owned(), cta_url(display_text, url));
        }
        CarouselCard::Product(product) => {
            put(&mut object, "type", Some("product"));
            object.insert("action".to_owned(), reference(product));
        }
    }
    Value::Object(object)
}

fn put_value(object: &mut Map<String, Value>, key: &str, value: Option<&Value>) {
    if let Some(value) = value {
        object.insert(key.to_owned(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn built(message: Value) -> Value {
        interactive(&serde_json::from_value(message).unwrap())
    }

    #[test]
    fn each_action_has_metas_form() {
        let cases = [
            (
                json!({"body": "b", "footer": "f", "header": {"type": "text", "text": "h"},
                    "action": {"type": "buttons", "buttons": [{"id": "1", "title": "Yes"}]}}),
                json!({"type": "button", "header": {"type": "text", "text": "h"}, "body": {"text": "b"},
                    "footer": {"text": "f"},
                    "action": {"buttons": [{"type": "reply", "reply": {"id": "1", "title": "Yes"}}]}}),
            ),
            (
                json!({"body": "b", "action": {"type": "list", "button": "Choose", "sections": [
                    {"title": "s", "rows": [{"id": "1", "title": "t", "description": "d"}]}]}}),
                json!({"type": "list", "body": {"text": "b"}, "action": {"button": "Choose", "sections": [
                    {"title": "s", "rows": [{"id": "1", "title": "t", "description": "d"}]}]}}),
            ),
            (
                json!({"body": "b", "header": {"type": "media", "kind": "image", "meta_media_id": "7"},
                    "action": {"type": "cta_url", "display_text": "Open", "url": "https://a.example"}}),
                json!({"type": "cta_url", "body": {"text": "b"},
                    "header": {"type": "image", "image": {"id": "7"}},
                    "action": {"name": "cta_url", "parameters": {"display_text": "Open", "url": "https://a.example"}}}),
            ),
            (
                json!({"body": "b", "action": {"type": "flow", "flow_id": "1", "cta": "Book", "token": "t",
                    "draft": true, "screen": "S", "data": {"a": 1}}}),
                json!({"type": "flow", "body": {"text": "b"}, "action": {"name": "flow", "parameters": {
                    "flow_message_version": "3", "flow_id": "1", "flow_cta": "Book", "flow_token": "t",
                    "mode": "draft", "flow_action": "navigate",
                    "flow_action_payload": {"screen": "S", "data": {"a": 1}}}}}),
            ),
            (
                json!({"body": "b", "action": {"type": "flow", "flow_name": "n", "cta": "Book", "data_exchange": true}}),
                json!({"type": "flow", "body": {"text": "b"}, "action": {"name": "flow", "parameters": {
                    "flow_message_version": "3", "flow_name": "n", "flow_cta": "Book",
                    "flow_action": "data_exchange"}}}),
            ),
        ];
        for (message, meta) in cases {
            assert_eq!(built(message), meta);
        }
    }

    #[test]
    fn each_request_and_each_product_has_metas_form() {
        let cases = [
            (
                json!({"action": {"type": "product", "catalog_id": "1", "product_retailer_id": "p"}}),
                json!({"type": "product", "action": {"catalog_id": "1", "product_retailer_id": "p"}}),
            ),
            (
                json!({"body": "b", "header": {"type": "text", "text": "h"}, "action": {"type": "product_list",
                    "catalog_id": "1", "sections": [{"title": "s", "product_retailer_ids": ["p"]}]}}),
                json!({"type": "product_list", "header": {"type": "text", "text": "h"}, "body": {"text": "b"},
                    "action": {"catalog_id": "1",
                        "sections": [{"title": "s", "product_items": [{"product_retailer_id": "p"}]}]}}),
            ),
            (
                json!({"body": "b", "action": {"type": "catalog", "thumbnail_product_retailer_id": "p"}}),
                json!({"type": "catalog_message", "body": {"text": "b"}, "action": {"name": "catalog_message",
                    "parameters": {"thumbnail_product_retailer_id": "p"}}}),
            ),
            (
                json!({"body": "b", "action": {"type": "location_request"}}),
                json!({"type": "location_request_message", "body": {"text": "b"}, "action": {"name": "send_location"}}),
            ),
            (
                json!({"body": "b", "action": {"type": "address_request", "country": "IN", "values": {"name": "A"}}}),
                json!({"type": "address_message", "body": {"text": "b"}, "action": {"name": "address_message",
                    "parameters": {"country": "IN", "values": {"name": "A"}}}}),
            ),
            (
                json!({"action": {"type": "call_permission_request"}}),
                json!({"type": "call_permission_request", "action": {"name": "call_permission_request"}}),
            ),
            (
                json!({"body": "b", "action": {"type": "voice_call", "display_text": "Call", "ttl_minutes": 5}}),
                json!({"type": "voice_call", "body": {"text": "b"}, "action": {"name": "voice_call",
                    "parameters": {"display_text": "Call", "ttl_minutes": 5}}}),
            ),
            (
                json!({"body": "b", "action": {"type": "contact_info_request"}}),
                json!({"type": "request_contact_info", "body": {"text": "b"}, "action": {"name": "request_contact_info"}}),
            ),
        ];
        for (message, meta) in cases {
            assert_eq!(built(message), meta);
        }
    }

    #[test]
    fn cards_are_numbered_from_zero() {
        let card = |n: u32| {
            json!({"type": "cta_url", "media": {"kind": "video", "link": format!("https://a.example/{n}")},
                "body": "c", "display_text": "Open", "url": "https://a.example"})
        };
        let made = built(
            json!({"body": "b", "action": {"type": "carousel", "cards": [card(0), card(1)]}}),
        );
        assert_eq!(
            made["action"]["cards"][1],
            json!({"card_index": 1, "type": "cta_url",
                "header": {"type": "video", "video": {"link": "https://a.example/1"}},
                "body": {"text": "c"},
                "action": {"name": "cta_url", "parameters": {"display_text": "Open", "url": "https://a.example"}}})
        );
        let product = json!({"type": "product", "catalog_id": "1", "product_retailer_id": "p"});
        let made = built(
            json!({"body": "b", "action": {"type": "carousel", "cards": [product, product]}}),
        );
        assert_eq!(
            made["action"]["cards"][0],
            json!({"card_index": 0, "type": "product",
                "action": {"catalog_id": "1", "product_retailer_id": "p"}})
        );
    }
}
