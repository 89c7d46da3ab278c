//! Files of ours in a message that is to be sent: Meta needs them under ids of its own.

use std::collections::BTreeMap;

use sb_ids::MediaId;
use serde_json::Value;

use super::{MediaKind, MediaPart, MessageContent, Part, TemplatePart};

/// A file of ours that a message is sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredFile {
    /// The file.
    pub id: MediaId,
    /// What it is sent as.
    pub kind: MediaKind,
    /// As a voice note.
    pub voice: bool,
}

impl StoredFile {
    fn of(media: &MediaPart) -> Option<Self> {
        Some(Self {
            id: media.media_id?,
            kind: media.kind,
            voice: media.voice,
        })
    }
}

/// The kinds of files in templates, by their key in a parameter.
const TEMPLATE_KINDS: [(&str, MediaKind); 3] = [
    ("image", MediaKind::Image),
    ("video", MediaKind::Video),
    ("document", MediaKind::Document),
];

impl MessageContent {
    /// The files of ours it is sent with, each once.
    pub fn stored_files(&self) -> Vec<StoredFile> {
        let mut files: Vec<StoredFile> = match &self.part {
            Part::Media(media) => StoredFile::of(media).into_iter().collect(),
            Part::Interactive(message) => message.files().filter_map(StoredFile::of).collect(),
            Part::Template(template) => template_files(template),
            Part::Text { .. }
            | Part::Pin(_)
            | Part::Reaction { .. }
            | Part::Location { .. }
            | Part::Note { .. }
            | Part::Contacts { .. }
            | Part::ButtonReply { .. }
            | Part::ListReply { .. }
            | Part::FlowReply { .. }
            | Part::CallPermissionReply(_)
            | Part::Order { .. }
            | Part::System(_)
            | Part::RequestWelcome {}
            | Part::Unsupported { .. }
            | Part::MediaPlaceholder {}
            | Part::Raw { .. } => Vec::new(),
        };
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Names files of ours by Meta's ids. What has none stays as it is.
    pub fn name_files(&mut self, meta_ids: &BTreeMap<StoredFile, String>) {
        let name = |media: &mut MediaPart| {
            if let Some(id) = StoredFile::of(media).and_then(|file| meta_ids.get(&file)) {
                media.media_id = None;
                media.meta_media_id = Some(id.clone());
            }
        };
        match &mut self.part {
            Part::Media(media) => name(media),
            Part::Interactive(message) => message.files_mut().for_each(name),
            Part::Template(template) => name_template_files(template, meta_ids),
            Part::Text { .. }
            | Part::Pin(_)
            | Part::Reaction { .. }
            | Part::Location { .. }
            | Part::Note { .. }
            | Part::Contacts { .. }
            | Part::ButtonReply { .. }
            | Part::ListReply { .. }
            | Part::FlowReply { .. }
            | Part::CallPermissionReply(_)
            | Part::Order { .. }
            | Part::System(_)
            | Part::RequestWelcome {}
            | Part::Unsupported { .. }
            | Part::MediaPlaceholder {}
            | Part::Raw { .. } => {}
        }
    }
}

fn template_files(template: &TemplatePart) -> Vec<StoredFile> {
    let mut files = Vec::new();
    let mut rest: Vec<&Value> = template.components.iter().collect();
    while let Some(component) = rest.pop() {
        for parameter in items(component, "parameters") {
            let found = TEMPLATE_KINDS.iter().filter_map(|(key, kind)| {
                let id = parameter.get(key)?.get("media_id")?.as_str()?;
                Some(StoredFile {
                    id: MediaId::parse(id).ok()?,
                    kind: *kind,
                    voice: false,
                })
            });
            files.extend(found);
        }
        for card in items(component, "cards") {
            rest.extend(items(card, "components"));
        }
    }
    files
}

fn items<'v>(object: &'v Value, key: &str) -> &'v [Value] {
    object
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn name_template_files(template: &mut TemplatePart, meta_ids: &BTreeMap<StoredFile, String>) {
    let mut rest: Vec<&mut Value> = template.components.iter_mut().collect();
    while let Some(component) = rest.pop() {
        let Some(component) = component.as_object_mut() else {
            continue;
        };
        for (key, value) in component.iter_mut() {
            let Some(items) = value.as_array_mut() else {
                continue;
            };
            match key.as_str() {
                "parameters" => items
                    .iter_mut()
                    .for_each(|parameter| name_parameter(parameter, meta_ids)),
                "cards" => {
                    let parts = items
                        .iter_mut()
                        .filter_map(|card| card.get_mut("components")?.as_array_mut());
                    rest.extend(parts.flatten());
                }
                _ => {}
            }
        }
    }
}

fn name_parameter(parameter: &mut Value, meta_ids: &BTreeMap<StoredFile, String>) {
    for (key, kind) in TEMPLATE_KINDS {
        let Some(file) = parameter.get_mut(key).and_then(Value::as_object_mut) else {
            continue;
        };
        let own = file.get("media_id").and_then(Value::as_str);
        let stored = own
            .and_then(|id| MediaId::parse(id).ok())
            .map(|id| StoredFile {
                id,
                kind,
                voice: false,
            });
        if let Some(id) = stored.and_then(|stored| meta_ids.get(&stored)) {
            file.remove("media_id");
            file.insert("id".to_owned(), id.as_str().into());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ONE: &str = "01890000-0000-7000-8000-000000000001";
    const TWO: &str = "01890000-0000-7000-8000-000000000002";

    fn content(value: Value) -> MessageContent {
        serde_json::from_value(value).unwrap()
    }

    fn named(value: Value) -> Value {
        let mut content = content(value);
        let ids = content.stored_files().into_iter();
        let ids = ids
            .map(|file| {
                let id = file.id.to_string();
                (file, format!("meta-{}", id.chars().last().unwrap()))
            })
            .collect();
        content.name_files(&ids);
        assert_eq!(content.stored_files(), []);
        serde_json::to_value(&content).unwrap()
    }

    #[test]
    fn files_are_found_and_named_wherever_they_are() {
        assert_eq!(
            named(json!({"type": "media", "kind": "audio", "media_id": ONE, "voice": true})),
            json!({"type": "media", "kind": "audio", "meta_media_id": "meta-1", "voice": true})
        );
        let card = |media: Value| json!({"type": "cta_url", "media": media, "display_text": "d", "url": "https://a.example"});
        let carousel = |one: Value, two: Value| {
            json!({"type": "interactive", "body": "b",
                "action": {"type": "carousel", "cards": [card(one), card(two)]}})
        };
        assert_eq!(
            named(carousel(
                json!({"kind": "image", "media_id": ONE}),
                json!({"kind": "image", "media_id": TWO})
            )),
            carousel(
                json!({"kind": "image", "meta_media_id": "meta-1"}),
                json!({"kind": "image", "meta_media_id": "meta-2"})
            )
        );
        let template = |one: Value, two: Value| {
            json!({"type": "template", "name": "t", "language": "en", "components": [
                {"type": "header", "parameters": [{"type": "image", "image": one}]},
                {"type": "carousel", "cards": [{"card_index": 0, "components": [
                    {"type": "header", "parameters": [{"type": "video", "video": two}]}]}]},
            ]})
        };
        assert_eq!(
            named(template(json!({"media_id": ONE}), json!({"media_id": TWO}))),
            template(json!({"id": "meta-1"}), json!({"id": "meta-2"}))
        );
    }

    #[test]
    fn a_file_that_is_used_twice_is_needed_once() {
        let image = json!({"kind": "image", "media_id": ONE});
        let card = json!({"type": "cta_url", "media": image, "display_text": "d", "url": "https://a.example"});
        let carousel = json!({"type": "interactive", "body": "b",
            "action": {"type": "carousel", "cards": [card, card]}});
        assert_eq!(content(carousel).stored_files().len(), 1);
        let sent = json!({"type": "media", "kind": "image", "link": "https://a.example/b.png"});
        assert_eq!(content(sent).stored_files(), []);
    }
}
