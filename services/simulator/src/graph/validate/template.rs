//! Template sends: their shape, and whether they fit the template.

use serde_json::Value;

use super::{Node, Outgoing};
use crate::graph::error::GraphError;
use crate::state::templates::{Template, placeholders};

/// Checks `template` without knowing the template.
pub(super) fn shape(content: &Node<'_>, send: &mut Outgoing) -> Result<(), GraphError> {
    content.need_text("name", 512)?;
    content.need("language")?.need_text("code", 32)?;
    let Some(components) = content.get("components") else {
        return Ok(());
    };
    for component in components.items()? {
        component.need_text("type", 64)?;
        let Some(parameters) = component.get("parameters") else {
            continue;
        };
        for parameter in parameters.items()? {
            let kind = parameter.need_text("type", 64)?;
            match kind {
                "image" | "video" | "document" => {
                    super::media(&parameter.need(kind)?, kind, send)?;
                }
                "text" => {
                    parameter.need_text("text", 1024)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Checks that a send fills the template it names.
///
/// # Errors
/// 132001, 132015 or 132016 for the template's state, 132000 and 132012 for
/// its parameters.
pub(crate) fn check(request: &Value, template: Option<&Template>) -> Result<(), GraphError> {
    let text = |path: &str| request.pointer(path).and_then(Value::as_str);
    let name = text("/template/name").unwrap_or_default();
    let language = text("/template/language/code").unwrap_or_default();
    let absent = || {
        let details = format!("template name ({name}) does not exist in {language}");
        GraphError::new(132_001).details(details)
    };
    let template = template.ok_or_else(absent)?;
    match template.status.as_str() {
        "APPROVED" => {}
        "PAUSED" => return Err(GraphError::new(132_015)),
        "DISABLED" => return Err(GraphError::new(132_016)),
        _ => return Err(absent()),
    }
    let components = request
        .pointer("/template/components")
        .and_then(Value::as_array);
    let given = |kind: &str| -> Vec<&Value> {
        components
            .into_iter()
            .flatten()
            .filter(|component| {
                component
                    .get("type")
                    .and_then(Value::as_str)
                    .is_some_and(|found| found.eq_ignore_ascii_case(kind))
            })
            .filter_map(|component| component.get("parameters")?.as_array())
            .flatten()
            .collect()
    };
    body(template, &given("body"))?;
    header(template, &given("header"))?;
    buttons(template, components.map_or(&[][..], Vec::as_slice))
}

fn body(template: &Template, given: &[&Value]) -> Result<(), GraphError> {
    let expected = template.body_placeholders();
    if template.category == "AUTHENTICATION" {
        return Ok(());
    }
    if expected.len() != given.len() {
        return Err(GraphError::new(132_000).details(format!(
            "body: number of localizable_params ({}) does not match the expected number of \
             params ({})",
            given.len(),
            expected.len()
        )));
    }
    if template.parameter_format != "NAMED" {
        return Ok(());
    }
    for name in &expected {
        let found = given
            .iter()
            .any(|parameter| parameter.get("parameter_name").and_then(Value::as_str) == Some(name));
        if !found {
            return Err(GraphError::new(132_000)
                .details(format!("body: parameter name '{name}' is missing")));
        }
    }
    Ok(())
}

fn header(template: &Template, given: &[&Value]) -> Result<(), GraphError> {
    let header = template.component("HEADER");
    let field = |name: &str| {
        header
            .and_then(|header| header.get(name))
            .and_then(Value::as_str)
    };
    let expected = match field("format").map(str::to_lowercase) {
        None => None,
        Some(format) if format == "text" => {
            let has_placeholder = !placeholders(field("text").unwrap_or_default()).is_empty();
            has_placeholder.then_some(format)
        }
        Some(format) => Some(format),
    };
    let found = given
        .first()
        .and_then(|parameter| parameter.get("type"))
        .and_then(Value::as_str);
    if expected.as_deref() == found {
        return Ok(());
    }
    Err(GraphError::new(132_012).details(format!(
        "header: Format mismatch, expected {}, received {}",
        expected.as_deref().unwrap_or("UNKNOWN").to_uppercase(),
        found.unwrap_or("UNKNOWN").to_uppercase()
    )))
}

/// Every address with a placeholder needs its parameter.
fn buttons(template: &Template, components: &[Value]) -> Result<(), GraphError> {
    let buttons = template
        .component("BUTTONS")
        .and_then(|buttons| buttons.get("buttons"))
        .and_then(Value::as_array);
    for (index, button) in buttons.into_iter().flatten().enumerate() {
        let url = button.get("url").and_then(Value::as_str);
        if placeholders(url.unwrap_or_default()).is_empty() {
            continue;
        }
        let is_given = components.iter().any(|component| {
            let at = component.get("index");
            at.is_some_and(|at| *at == index || at.as_str() == Some(&index.to_string()))
        });
        if !is_given {
            return Err(GraphError::new(131_008).details(format!(
                "buttons: Button at index {index} of type Url requires a parameter"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(status: &str, format: &str, components: Value) -> Template {
        Template {
            id: "1".to_owned(),
            waba_id: "2".to_owned(),
            name: "order".to_owned(),
            language: "en".to_owned(),
            category: "UTILITY".to_owned(),
            status: status.to_owned(),
            parameter_format: format.to_owned(),
            components,
        }
    }

    fn send(components: &Value) -> Value {
        json!({"template": {"name": "order", "language": {"code": "en"},
            "components": components}})
    }

    fn code(request: &Value, template: Option<&Template>) -> Option<i64> {
        check(request, template).err().map(|error| error.code())
    }

    #[test]
    fn state_of_the_template_decides_the_code() {
        let plain = |status| template(status, "POSITIONAL", json!([{"type":"BODY","text":"x"}]));
        let request = send(&json!([]));
        assert_eq!(code(&request, None), Some(132_001));
        assert_eq!(code(&request, Some(&plain("PENDING"))), Some(132_001));
        assert_eq!(code(&request, Some(&plain("PAUSED"))), Some(132_015));
        assert_eq!(code(&request, Some(&plain("DISABLED"))), Some(132_016));
        assert_eq!(code(&request, Some(&plain("APPROVED"))), None);
    }

    #[test]
    fn body_parameters_must_match_in_number_and_name() {
        let named = template(
            "APPROVED",
            "NAMED",
            json!([{"type": "BODY", "text": "Hi {{who}}"}]),
        );
        let with = |parameters: Value| send(&json!([{"type": "body", "parameters": parameters}]));
        let good = json!([{"type": "text", "text": "Ana", "parameter_name": "who"}]);
        assert_eq!(code(&with(good), Some(&named)), None);
        let bad = json!([{"type": "text", "text": "Ana", "parameter_name": "whom"}]);
        assert_eq!(code(&with(bad), Some(&named)), Some(132_000));
        assert_eq!(code(&with(json!([])), Some(&named)), Some(132_000));
    }

    #[test]
    fn media_header_needs_its_media() {
        let image = template(
            "APPROVED",
            "POSITIONAL",
            json!([{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "x"}]),
        );
        assert_eq!(code(&send(&json!([])), Some(&image)), Some(132_012));
        let header = json!([{"type": "header", "parameters": [
            {"type": "image", "image": {"id": "1"}}]}]);
        assert_eq!(code(&send(&header), Some(&image)), None);
    }
}
