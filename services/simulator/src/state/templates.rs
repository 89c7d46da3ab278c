//! Message templates of the accounts.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// A template in one language.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Template {
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) waba_id: String,
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) category: String,
    pub(crate) status: String,
    pub(crate) parameter_format: String,
    pub(crate) components: Value,
}

impl Template {
    /// The component of a kind (`HEADER`, `BODY`, `FOOTER`, `BUTTONS`).
    pub(crate) fn component(&self, kind: &str) -> Option<&Value> {
        self.components.as_array()?.iter().find(|component| {
            component
                .get("type")
                .and_then(Value::as_str)
                .is_some_and(|found| found.eq_ignore_ascii_case(kind))
        })
    }

    /// Placeholders of the body, in order of appearance, without repetition.
    pub(crate) fn body_placeholders(&self) -> Vec<String> {
        let text = self
            .component("BODY")
            .and_then(|body| body.get("text"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        placeholders(text)
    }
}

/// Names between double braces.
pub(crate) fn placeholders(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in text.split("{{").skip(1) {
        if let Some((name, _)) = part.split_once("}}") {
            let name = name.trim().to_owned();
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// All templates, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Templates {
    by_id: BTreeMap<String, Template>,
}

impl Templates {
    pub(crate) fn insert(&mut self, template: Template) {
        self.by_id.insert(template.id.clone(), template);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Template> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Template> {
        self.by_id.get_mut(id)
    }

    pub(crate) fn find(&self, waba_id: &str, name: &str, language: &str) -> Option<&Template> {
        self.of(waba_id)
            .find(|template| template.name == name && template.language == language)
    }

    pub(crate) fn of<'a>(&'a self, waba_id: &str) -> impl Iterator<Item = &'a Template> {
        self.by_id
            .values()
            .filter(move |template| template.waba_id == waba_id)
    }

    /// Deletes by name, or one language of it by id; returns how many went.
    pub(crate) fn remove(&mut self, waba_id: &str, name: &str, id: Option<&str>) -> usize {
        let before = self.by_id.len();
        self.by_id.retain(|_, template| {
            template.waba_id != waba_id
                || template.name != name
                || id.is_some_and(|id| id != template.id)
        });
        before - self.by_id.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_once_each_in_order() {
        assert_eq!(
            placeholders("Hi {{name}}, {{ order }} of {{name}}"),
            vec!["name", "order"]
        );
        assert!(placeholders("no {{unclosed").is_empty());
    }
}
