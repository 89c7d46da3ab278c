//! Buttons, lists and the other interactive messages.

use std::collections::HashSet;

use super::{Node, Outgoing};
use crate::graph::error::GraphError;

/// Checks `interactive`.
pub(super) fn check(content: &Node<'_>, send: &mut Outgoing) -> Result<(), GraphError> {
    let kind = content.need("type")?;
    match kind.text()? {
        "button" => {
            frame(content, 1024, Header::Any, true, send)?;
            buttons(&content.need("action")?)
        }
        "list" => {
            frame(content, 4096, Header::Text, true, send)?;
            list(&content.need("action")?)
        }
        "cta_url" => {
            frame(content, 1024, Header::Any, true, send)?;
            let parameters = action(content, "cta_url")?.need("parameters")?;
            parameters.need_text("display_text", 20)?;
            parameters.need_text("url", 2000)?;
            Ok(())
        }
        "flow" => {
            frame(content, 1024, Header::Any, true, send)?;
            flow(&action(content, "flow")?.need("parameters")?)
        }
        "product" => {
            frame(content, 1024, Header::None, false, send)?;
            product(&content.need("action")?)
        }
        "product_list" => {
            content.need("header")?;
            frame(content, 1024, Header::Text, true, send)?;
            product_list(&content.need("action")?)
        }
        "carousel" => {
            frame(content, 1024, Header::None, true, send)?;
            carousel(&content.need("action")?, send)
        }
        "call_permission_request" => {
            frame(content, 1024, Header::None, false, send)?;
            action(content, "call_permission_request").map(|_| ())
        }
        "catalog_message" => named(content, "catalog_message", send),
        "location_request_message" => named(content, "send_location", send),
        "address_message" => named(content, "address_message", send),
        "voice_call" => named(content, "voice_call", send),
        "request_contact_info" => named(content, "request_contact_info", send),
        _ => Err(kind.invalid("is not a known interactive type")),
    }
}

/// Interactive messages that are a body and an action with a fixed name.
fn named(content: &Node<'_>, name: &str, send: &mut Outgoing) -> Result<(), GraphError> {
    frame(content, 1024, Header::Any, true, send)?;
    action(content, name).map(|_| ())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    None,
    Text,
    Any,
}

/// Header, body and footer.
fn frame(
    content: &Node<'_>,
    max_body: usize,
    allowed: Header,
    needs_body: bool,
    send: &mut Outgoing,
) -> Result<(), GraphError> {
    if let Some(header) = content.get("header") {
        let kind = header.need("type")?;
        match (kind.text()?, allowed) {
            (_, Header::None) => return Err(header.invalid("is not allowed for this type")),
            ("text", _) => {
                header.need_text("text", 60)?;
            }
            (media @ ("image" | "video" | "document"), Header::Any) => {
                super::media(&header.need(media)?, media, send)?;
            }
            _ => return Err(kind.invalid("is not allowed for this type")),
        }
    }
    match content.get("body") {
        Some(body) => {
            body.need_text("text", max_body)?;
        }
        None if needs_body => return Err(content.need("body").err().unwrap_or_else(missing)),
        None => {}
    }
    if let Some(footer) = content.get("footer") {
        footer.need_text("text", 60)?;
    }
    Ok(())
}

fn missing() -> GraphError {
    GraphError::new(131_008)
}

fn action<'a>(content: &Node<'a>, name: &str) -> Result<Node<'a>, GraphError> {
    let action = content.need("action")?;
    let found = action.need("name")?;
    if found.text()? == name {
        Ok(action)
    } else {
        Err(found.invalid(&format!("must be {name}")))
    }
}

fn buttons(action: &Node<'_>) -> Result<(), GraphError> {
    let (mut ids, mut titles) = (HashSet::new(), HashSet::new());
    for button in action.need_list("buttons", 1, 3)? {
        let kind = button.need("type")?;
        if kind.text()? != "reply" {
            return Err(kind.invalid("must be reply"));
        }
        let reply = button.need("reply")?;
        let id = reply.need_text("id", 256)?;
        let title = reply.need_text("title", 20)?;
        if !ids.insert(id) || !titles.insert(title) {
            return Err(reply.invalid("repeats an id or a title"));
        }
    }
    Ok(())
}

fn list(action: &Node<'_>) -> Result<(), GraphError> {
    action.need_text("button", 20)?;
    let sections = action.need_list("sections", 1, 10)?;
    let (mut ids, mut rows) = (HashSet::new(), 0);
    for section in &sections {
        if sections.len() > 1 {
            section.need_text("title", 24)?;
        } else {
            section.get_text("title", 24)?;
        }
        for row in section.need_list("rows", 1, 10)? {
            rows += 1;
            row.need_text("title", 24)?;
            row.get_text("description", 72)?;
            if !ids.insert(row.need_text("id", 200)?) {
                return Err(row.invalid("repeats an id"));
            }
        }
    }
    if rows > 10 {
        return Err(action
            .need("sections")?
            .invalid("must have at most 10 rows in all"));
    }
    Ok(())
}

fn flow(parameters: &Node<'_>) -> Result<(), GraphError> {
    parameters.need("flow_message_version")?;
    parameters.need_text("flow_cta", 30)?;
    if parameters.get("flow_id").is_none() && parameters.get("flow_name").is_none() {
        return Err(parameters.need("flow_id").err().unwrap_or_else(missing));
    }
    Ok(())
}

fn product(action: &Node<'_>) -> Result<(), GraphError> {
    action.need_text("catalog_id", 256)?;
    action.need_text("product_retailer_id", 256)?;
    Ok(())
}

fn product_list(action: &Node<'_>) -> Result<(), GraphError> {
    action.need_text("catalog_id", 256)?;
    let mut products = 0;
    for section in action.need_list("sections", 1, 10)? {
        section.get_text("title", 24)?;
        for item in section.need_list("product_items", 1, 30)? {
            item.need_text("product_retailer_id", 256)?;
            products += 1;
        }
    }
    if products > 30 {
        return Err(action.invalid("must have at most 30 products in all"));
    }
    Ok(())
}

fn carousel(action: &Node<'_>, send: &mut Outgoing) -> Result<(), GraphError> {
    for card in action.need_list("cards", 2, 10)? {
        card.need("card_index")?;
        let kind = card.need("type")?;
        match kind.text()? {
            "product" => product(&card.need("action")?)?,
            "cta_url" | "button" => {
                card.need("header")?;
                frame(&card, 160, Header::Any, false, send)?;
                card.need("action")?;
            }
            _ => return Err(kind.invalid("must be cta_url, button or product")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn code(content: &Value) -> Option<i64> {
        check(&Node::root(content), &mut Outgoing::default())
            .err()
            .map(|error| error.code())
    }

    fn button(id: &str, title: &str) -> Value {
        json!({"type": "reply", "reply": {"id": id, "title": title}})
    }

    fn with_buttons(buttons: &[Value]) -> Value {
        json!({"type": "button", "body": {"text": "x"}, "action": {"buttons": buttons}})
    }

    #[test]
    fn buttons_are_one_to_three_and_differ() {
        let [a, b, c] = ["a", "b", "c"].map(|id| button(id, id));
        assert_eq!(code(&with_buttons(&[])), Some(131_009));
        assert_eq!(
            code(&with_buttons(&[a.clone(), b.clone(), c.clone()])),
            None
        );
        let four = [a.clone(), b, c, button("d", "d")];
        assert_eq!(code(&with_buttons(&four)), Some(131_009));
        assert_eq!(code(&with_buttons(&[a, button("e", "a")])), Some(131_009));
        let long = button("a", &"t".repeat(21));
        assert_eq!(code(&with_buttons(&[long])), Some(131_009));
    }

    #[test]
    fn list_has_at_most_ten_rows_over_all_sections() {
        let rows = |from: usize, count: usize| -> Vec<Value> {
            (from..from + count)
                .map(|id| json!({"id": id.to_string(), "title": "row"}))
                .collect()
        };
        let list = |first, second| {
            json!({"type": "list", "body": {"text": "x"}, "action": {"button": "Open", "sections": [
                {"title": "a", "rows": rows(0, first)}, {"title": "b", "rows": rows(first, second)},
            ]}})
        };
        assert_eq!(code(&list(5, 5)), None);
        assert_eq!(code(&list(5, 6)), Some(131_009));
    }

    #[test]
    fn list_takes_only_a_text_header() {
        let list = json!({"type": "list", "header": {"type": "image", "image": {"id": "1"}},
            "body": {"text": "x"}, "action": {"button": "Open", "sections": []}});
        assert_eq!(code(&list), Some(131_009));
    }
}
