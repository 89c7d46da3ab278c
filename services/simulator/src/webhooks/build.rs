//! The webhook envelope and what goes into it.

use serde_json::{Map, Value, json};

use super::queue::Update;

/// What one update contributes to a post.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// An element of `messages[]` with the contact it came from.
    Message {
        /// Element of `contacts[]`; system messages have none.
        contact: Option<Value>,
        /// Element of `messages[]`.
        message: Value,
    },
    /// An element of `statuses[]`.
    Status {
        /// Element of `contacts[]`; absent for a failure.
        contact: Option<Value>,
        /// Element of `statuses[]`.
        status: Value,
    },
    /// Any other field: its whole value.
    Raw {
        /// Name of the field.
        field: String,
        /// Its value.
        value: Value,
    },
}

/// Business number as `metadata` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) display_phone_number: String,
    pub(crate) phone_number_id: String,
}

/// Packs updates into one envelope: an entry per account, a change per run of
/// messages or statuses of one number.
pub(crate) fn envelope(updates: &[Update]) -> Value {
    let mut entries: Vec<(String, Vec<Open>)> = Vec::new();
    for update in updates {
        let known = entries.iter_mut().find(|(id, _)| *id == update.waba_id);
        if let Some((_, changes)) = known {
            append(changes, update);
        } else {
            let mut changes = Vec::new();
            append(&mut changes, update);
            entries.push((update.waba_id.clone(), changes));
        }
    }
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|(id, changes)| {
            let changes: Vec<Value> = changes.into_iter().map(Open::close).collect();
            json!({ "id": id, "changes": changes })
        })
        .collect();
    json!({ "object": "whatsapp_business_account", "entry": entries })
}

/// A change that may still take more elements.
struct Open {
    field: String,
    kind: &'static str,
    metadata: Option<Metadata>,
    contacts: Vec<Value>,
    elements: Vec<Value>,
    raw: Option<Value>,
}

impl Open {
    fn close(self) -> Value {
        let value = match self.raw {
            Some(raw) => raw,
            None => self.value(),
        };
        json!({ "value": value, "field": self.field })
    }

    fn value(&self) -> Value {
        let mut value = Map::new();
        value.insert("messaging_product".to_owned(), json!("whatsapp"));
        if let Some(metadata) = &self.metadata {
            value.insert(
                "metadata".to_owned(),
                json!({
                    "display_phone_number": metadata.display_phone_number,
                    "phone_number_id": metadata.phone_number_id,
                }),
            );
        }
        if !self.contacts.is_empty() {
            value.insert("contacts".to_owned(), json!(self.contacts));
        }
        value.insert(self.kind.to_owned(), json!(self.elements));
        Value::Object(value)
    }
}

fn append(changes: &mut Vec<Open>, update: &Update) {
    let (kind, contact, element) = match &update.change {
        Change::Message { contact, message } => ("messages", contact, message),
        Change::Status { contact, status } => ("statuses", contact, status),
        Change::Raw { field, value } => {
            changes.push(Open {
                field: field.clone(),
                kind: "",
                metadata: None,
                contacts: Vec::new(),
                elements: Vec::new(),
                raw: Some(value.clone()),
            });
            return;
        }
    };
    let fits = changes
        .last()
        .is_some_and(|last| last.kind == kind && last.metadata == update.metadata);
    if !fits {
        changes.push(Open {
            field: "messages".to_owned(),
            kind,
            metadata: update.metadata.clone(),
            contacts: Vec::new(),
            elements: Vec::new(),
            raw: None,
        });
    }
    let Some(open) = changes.last_mut() else {
        return;
    };
    if let Some(contact) = contact
        && !open.contacts.contains(contact)
    {
        open.contacts.push(contact.clone());
    }
    open.elements.push(element.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(waba: &str, number: &str, change: Change) -> Update {
        Update {
            app_id: "9".to_owned(),
            waba_id: waba.to_owned(),
            number_id: Some(number.to_owned()),
            thread: String::new(),
            metadata: Some(Metadata {
                display_phone_number: "15550100000".to_owned(),
                phone_number_id: number.to_owned(),
            }),
            change,
        }
    }

    fn message(id: &str, contact: &str) -> Change {
        Change::Message {
            contact: Some(json!({ "wa_id": contact })),
            message: json!({ "id": id }),
        }
    }

    #[test]
    fn single_message_has_metas_shape() {
        assert_eq!(
            envelope(&[update("7", "1", message("a", "x"))]),
            json!({"object": "whatsapp_business_account", "entry": [{"id": "7", "changes": [{
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": {"display_phone_number": "15550100000", "phone_number_id": "1"},
                    "contacts": [{"wa_id": "x"}],
                    "messages": [{"id": "a"}],
                },
                "field": "messages",
            }]}]})
        );
    }

    #[test]
    fn batch_groups_by_account_number_and_kind() {
        let status = Change::Status {
            contact: None,
            status: json!({ "id": "s" }),
        };
        let packed = envelope(&[
            update("7", "1", message("a", "x")),
            update("8", "3", message("b", "y")),
            update("7", "1", message("c", "x")),
            update("7", "1", status),
            update("7", "2", message("d", "x")),
        ]);
        let changes = packed
            .pointer("/entry/0/changes")
            .unwrap()
            .as_array()
            .unwrap();
        assert_eq!(changes.len(), 3);
        assert_eq!(
            changes[0].pointer("/value/messages").unwrap(),
            &json!([{"id": "a"}, {"id": "c"}])
        );
        assert_eq!(
            changes[0].pointer("/value/contacts").unwrap(),
            &json!([{"wa_id": "x"}])
        );
        assert!(changes[1].pointer("/value/contacts").is_none());
        assert_eq!(packed.pointer("/entry/1/id").unwrap(), "8");
    }
}
