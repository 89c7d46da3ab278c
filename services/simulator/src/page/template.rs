//! Draws a template message with its parameters filled in.

use serde_json::{Value, json};

use super::content::{ButtonView, Content, media, plain, press, text, web_url};
use super::text::spans;
use crate::state::State;
use crate::state::messages::Message;
use crate::state::templates::{Template, placeholders};

/// The filled template, or its name when it is not known.
pub(super) fn content(state: &State, message: &Message, json: &Value) -> Content {
    let name = text(json, "/template/name");
    let language = text(json, "/template/language/code");
    let number = state.accounts.numbers.get(&message.number_id);
    let template = number.and_then(|number| state.templates.find(&number.waba_id, name, language));
    let Some(template) = template else {
        return Content {
            footer: format!("template {name} ({language})"),
            ..plain("This template is not known to the simulator.")
        };
    };
    let field = |kind: &str, name: &str| {
        let component = template.component(kind);
        component
            .map(|component| text(component, &format!("/{name}")))
            .unwrap_or_default()
            .to_owned()
    };
    let header = parameters(json, "header");
    let file = header.first().and_then(|parameter| {
        let kind = text(parameter, "/type");
        let is_media = ["image", "video", "document"].contains(&kind);
        is_media.then(|| media(state, kind, parameter.get(kind).unwrap_or(&Value::Null)))
    });
    Content {
        media: file,
        header: fill(&field("HEADER", "text"), &header),
        body: spans(&fill(&field("BODY", "text"), &parameters(json, "body"))),
        footer: field("FOOTER", "text"),
        buttons: buttons(template, json, &message.id),
        ..Content::default()
    }
}

/// Parameters given for a kind of component.
fn parameters<'a>(json: &'a Value, kind: &str) -> Vec<&'a Value> {
    components(json)
        .filter(|component| text(component, "/type").eq_ignore_ascii_case(kind))
        .filter_map(|component| component.get("parameters")?.as_array())
        .flatten()
        .collect()
}

fn components(json: &Value) -> impl Iterator<Item = &Value> {
    json.pointer("/template/components")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Puts parameters into the placeholders of a text, by name or by position.
fn fill(pattern: &str, given: &[&Value]) -> String {
    let mut filled = pattern.to_owned();
    for (position, name) in placeholders(pattern).iter().enumerate() {
        let named = given
            .iter()
            .find(|parameter| text(parameter, "/parameter_name") == name);
        let Some(parameter) = named.or_else(|| given.get(position)) else {
            continue;
        };
        let fallbacks = [
            "/text",
            "/currency/fallback_value",
            "/date_time/fallback_value",
        ];
        let value = fallbacks.map(|path| text(parameter, path)).concat();
        filled = filled.replace(&format!("{{{{{name}}}}}"), &value);
    }
    filled
}

fn buttons(template: &Template, json: &Value, id: &str) -> Vec<ButtonView> {
    let buttons = template
        .component("BUTTONS")
        .and_then(|component| component.get("buttons"))
        .and_then(Value::as_array);
    let given = |index: usize| {
        components(json).find(|component| {
            let at = component.get("index");
            at.is_some_and(|at| *at == index || at.as_str() == Some(&index.to_string()))
        })
    };
    let drawn = buttons
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, button)| {
            let label = text(button, "/text");
            let parameter = given(index);
            match text(button, "/type").to_uppercase().as_str() {
                "QUICK_REPLY" => {
                    let payload = parameter
                        .map(|given| text(given, "/parameters/0/payload"))
                        .filter(|payload| !payload.is_empty())
                        .unwrap_or(label);
                    let reply = json!({ "type": "button",
                    "button": { "payload": payload, "text": label } });
                    press(label, &reply, id)
                }
                "URL" => {
                    let pattern = text(button, "/url");
                    let parameters: Vec<&Value> = parameter
                        .and_then(|given| given.pointer("/parameters/0"))
                        .into_iter()
                        .collect();
                    ButtonView {
                        label: label.to_owned(),
                        description: String::new(),
                        send: String::new(),
                        url: web_url(&fill(pattern, &parameters)),
                    }
                }
                _ => ButtonView {
                    label: label.to_owned(),
                    description: String::new(),
                    send: String::new(),
                    url: String::new(),
                },
            }
        });
    drawn.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_go_in_by_name_or_by_position() {
        let named = json!({"type": "text", "text": "Ana", "parameter_name": "who"});
        assert_eq!(fill("Hi {{who}}!", &[&named]), "Hi Ana!");
        let (a, b) = (json!({"text": "1st"}), json!({"text": "2nd"}));
        assert_eq!(fill("{{1}} then {{2}}", &[&a, &b]), "1st then 2nd");
    }
}
