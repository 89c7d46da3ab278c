//! Message templates: listing with cursors, creation, editing, deletion.

use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::access::Caller;
use super::error::GraphError;
use super::parameters::{Parameters, select};
use super::success;
use crate::state::templates::Template;

/// Templates of a page when no limit is given.
const DEFAULT_LIMIT: usize = 25;

/// `GET /{waba}/message_templates`.
pub(crate) async fn list(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (version, waba_id) = path.into_inner();
    caller.gate("").await?;
    let limit = parameters
        .text("limit")
        .and_then(|limit| limit.parse().ok());
    let limit: usize = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, 1000);
    let after = parameters.text("after").map(|cursor| decode(&cursor));
    let (found, total, all) = caller.simulator.read(|state| {
        caller.waba(state, "get", &waba_id)?;
        let all = state.templates.of(&waba_id).count();
        let matching = || {
            let templates = state.templates.of(&waba_id);
            templates.filter(|template| matches(template, &parameters))
        };
        let total = matching().count();
        let page = matching()
            .filter(|template| after.as_ref().is_none_or(|after| template.id > *after))
            .take(limit + 1);
        Ok::<_, GraphError>((page.cloned().collect::<Vec<_>>(), total, all))
    })?;
    let next = format!(
        "{}/{version}/{waba_id}/message_templates?limit={limit}",
        caller.base_url
    );
    let mut answer = page(&found, limit, parameters.fields().as_deref(), &next);
    if let (Some(asked), Some(answer)) = (parameters.text("summary"), answer.as_object_mut()) {
        let asked: Vec<String> = asked.split(',').map(str::to_owned).collect();
        let summary = json!({
            "total_count": total,
            "message_template_count": all,
            "message_template_limit": 250,
            "are_translations_complete": true,
        });
        answer.insert("summary".to_owned(), select(summary, &asked));
    }
    Ok(HttpResponse::Ok().json(answer))
}

/// One page; `found` holds one more than the limit when there is a next one.
fn page(found: &[Template], limit: usize, fields: Option<&[String]>, next: &str) -> Value {
    let shown = found.get(..limit).unwrap_or(found);
    let data: Vec<Value> = shown
        .iter()
        .map(|template| match fields {
            Some(fields) => select(json!(template), fields),
            None => json!(template),
        })
        .collect();
    let (Some(first), Some(last)) = (shown.first(), shown.last()) else {
        return json!({ "data": data });
    };
    let cursors = json!({ "before": encode(&first.id), "after": encode(&last.id) });
    let paging = if found.len() > limit {
        let next = format!("{next}&after={}", encode(&last.id));
        json!({ "cursors": cursors, "next": next })
    } else {
        json!({ "cursors": cursors })
    };
    json!({ "data": data, "paging": paging })
}

fn matches(template: &Template, parameters: &Parameters) -> bool {
    let is = |name: &str, found: &str| {
        parameters
            .text(name)
            .is_none_or(|asked| asked.split(',').any(|one| one.eq_ignore_ascii_case(found)))
    };
    is("status", &template.status)
        && is("category", &template.category)
        && is("language", &template.language)
        && parameters
            .text("name")
            .is_none_or(|asked| template.name.contains(&asked))
}

fn encode(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

fn decode(cursor: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// `POST /{waba}/message_templates`: approved at once.
pub(crate) async fn create(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, waba_id) = path.into_inner();
    caller.gate("").await?;
    let template = read_template(&waba_id, &parameters)?;
    let answer = caller.simulator.change(|state, _| {
        caller.waba(state, "post", &waba_id)?;
        let known = state
            .templates
            .find(&waba_id, &template.name, &template.language);
        if known.is_some() {
            return Err(GraphError::parameter("Invalid parameter")
                .details("There is already content in this language for this template"));
        }
        let id = state.ids.numeric();
        let answer = json!({
            "id": id,
            "status": template.status,
            "category": template.category,
        });
        state.templates.insert(Template { id, ..template });
        Ok(answer)
    })?;
    Ok(HttpResponse::Ok().json(answer))
}

fn read_template(waba_id: &str, parameters: &Parameters) -> Result<Template, GraphError> {
    let name = parameters.need("name")?;
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_plain || name.len() > 512 {
        return Err(GraphError::parameter(
            "Param name must be at most 512 of a-z, 0-9 and _.",
        ));
    }
    let category = parameters.need("category")?.to_uppercase();
    if !["MARKETING", "UTILITY", "AUTHENTICATION"].contains(&category.as_str()) {
        return Err(GraphError::parameter(
            "Param category must be one of {MARKETING, UTILITY, AUTHENTICATION}.",
        ));
    }
    let components = parameters.0.get("components").cloned();
    let template = Template {
        id: String::new(),
        waba_id: waba_id.to_owned(),
        name,
        language: parameters.need("language")?,
        category,
        status: "APPROVED".to_owned(),
        parameter_format: parameters
            .text("parameter_format")
            .unwrap_or_else(|| "POSITIONAL".to_owned())
            .to_uppercase(),
        components: components.unwrap_or_else(|| json!([])),
    };
    check_components(&template)?;
    Ok(template)
}

fn check_components(template: &Template) -> Result<(), GraphError> {
    if template.component("BODY").is_none() {
        return Err(GraphError::parameter(
            "The template needs a BODY component.",
        ));
    }
    for (kind, max) in [("BODY", 1024), ("HEADER", 60), ("FOOTER", 60)] {
        let text = template
            .component(kind)
            .and_then(|component| component.get("text"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        if text.chars().count() > max {
            let reason = format!("{kind} text must be at most {max} characters long.");
            return Err(GraphError::parameter(&reason));
        }
    }
    let buttons = template
        .component("BUTTONS")
        .and_then(|component| component.get("buttons"))
        .and_then(Value::as_array);
    if buttons.is_some_and(|buttons| buttons.len() > 10) {
        return Err(GraphError::parameter("At most 10 buttons are allowed."));
    }
    Ok(())
}

/// `POST /{template}`: replaces components or category.
pub(super) fn edit(
    caller: &Caller,
    id: &str,
    parameters: &Parameters,
) -> Result<HttpResponse, GraphError> {
    caller.simulator.change(|state, _| {
        let template = state
            .templates
            .get_mut(id)
            .filter(|template| caller.token.reaches(&template.waba_id))
            .ok_or_else(|| GraphError::unknown_object("post", id))?;
        if let Some(components) = parameters.0.get("components") {
            let edited = Template {
                components: components.clone(),
                ..template.clone()
            };
            check_components(&edited)?;
            *template = edited;
        }
        if let Some(category) = parameters.text("category") {
            template.category = category.to_uppercase();
        }
        Ok::<_, GraphError>(())
    })?;
    Ok(success())
}

/// `DELETE /{waba}/message_templates?name=[&hsm_id=]`.
pub(crate) async fn delete(
    caller: Caller,
    path: web::Path<(String, String)>,
    parameters: Parameters,
) -> Result<HttpResponse, GraphError> {
    let (_, waba_id) = path.into_inner();
    caller.gate("").await?;
    let name = parameters.need("name")?;
    let id = parameters.text("hsm_id");
    let deleted = caller.simulator.change(|state, _| {
        caller.waba(state, "delete", &waba_id)?;
        Ok::<_, GraphError>(state.templates.remove(&waba_id, &name, id.as_deref()))
    })?;
    if deleted == 0 {
        return Err(GraphError::parameter("Invalid parameter")
            .details(format!("no template with the name {name}")));
    }
    Ok(success())
}
