//! The body of `POST /{phone_number_id}/messages`.

use sb_domain::{
    content::{MediaKind, MediaPart, MessageContent, Part, TemplatePart},
    outgoing::{self, InvalidContent},
};
use sb_ids::{Bsuid, GroupId, WaId};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Longest `biz_opaque_callback_data`, in characters.
///
/// # Source
/// Meta, changelog: raised from 256 to 512.
pub const CALLBACK_DATA_MAX: usize = 512;

/// Who a message goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// A phone number.
    WaId(WaId),
    /// A business-scoped user id.
    Bsuid(Bsuid),
    /// A group.
    Group(GroupId),
}

/// Why content cannot become a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendBodyError {
    /// Meta would refuse the content.
    #[error("cannot make a send request of the message's content")]
    Content(#[source] InvalidContent),
    /// The callback data is longer than Meta takes.
    #[error("callback data has {length} characters, Meta accepts {CALLBACK_DATA_MAX}")]
    CallbackData {
        /// Its length in characters.
        length: usize,
    },
}

/// A complete send request.
#[derive(Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct SendBody(Value);

/// The body holds what is said and to whom, so only its type is printed.
impl std::fmt::Debug for SendBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SendBody({})",
            self.0.get("type").unwrap_or(&Value::Null)
        )
    }
}

impl SendBody {
    /// Builds the request. `callback_data` comes back in every status of the message: it is what
    /// resolves a lost answer.
    ///
    /// # Errors
    /// [`SendBodyError`] when Meta would refuse it.
    ///
    /// # Source
    /// Meta, "Send messages", 2026. A number without `+` would get the sender's country code, so it
    /// always has one. A reaction takes no reply context.
    pub fn new(
        recipient: &Recipient,
        content: &MessageContent,
        callback_data: &str,
    ) -> Result<Self, SendBodyError> {
        outgoing::validate(content).map_err(SendBodyError::Content)?;
        let length = callback_data.chars().count();
        if length > CALLBACK_DATA_MAX {
            return Err(SendBodyError::CallbackData { length });
        }
        let (kind, part) = part(content)?;
        let mut body = Map::new();
        body.insert("messaging_product".to_owned(), "whatsapp".into());
        let kind_of_recipient = match recipient {
            Recipient::WaId(_) | Recipient::Bsuid(_) => "individual",
            Recipient::Group(_) => "group",
        };
        body.insert("recipient_type".to_owned(), kind_of_recipient.into());
        match recipient {
            Recipient::WaId(id) => body.insert("to".to_owned(), format!("+{}", id.as_str()).into()),
            Recipient::Bsuid(id) => body.insert("recipient".to_owned(), id.as_str().into()),
            Recipient::Group(id) => body.insert("to".to_owned(), id.as_str().into()),
        };
        body.insert("type".to_owned(), kind.into());
        body.insert(kind.to_owned(), part);
        if let Some(answered) = &content.reply_to
            && kind != "reaction"
        {
            body.insert("context".to_owned(), json!({ "message_id": answered }));
        }
        if !callback_data.is_empty() {
            body.insert("biz_opaque_callback_data".to_owned(), callback_data.into());
        }
        Ok(Self(Value::Object(body)))
    }

    /// The request as JSON.
    pub const fn as_value(&self) -> &Value {
        &self.0
    }
}

/// Meta's name of the type and its object.
fn part(content: &MessageContent) -> Result<(&'static str, Value), SendBodyError> {
    Ok(match &content.part {
        Part::Text { body, preview_url } => {
            ("text", json!({ "body": body, "preview_url": preview_url }))
        }
        Part::Media(file) => (file.kind.as_str(), media(file)),
        Part::Template(approved) => ("template", template(approved)),
        Part::Reaction { message_id, emoji } => (
            "reaction",
            json!({ "message_id": message_id, "emoji": emoji }),
        ),
        Part::Location {
            latitude,
            longitude,
            name,
            address,
            url: _,
        } => {
            let mut place = Map::new();
            place.insert("latitude".to_owned(), json!(latitude));
            place.insert("longitude".to_owned(), json!(longitude));
            put(&mut place, "name", name.as_deref());
            put(&mut place, "address", address.as_deref());
            ("location", Value::Object(place))
        }
        Part::Note { .. }
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
        | Part::Raw { .. } => {
            return Err(SendBodyError::Content(InvalidContent::NotSendable {
                kind: content.type_name(),
            }));
        }
    })
}

fn media(file: &MediaPart) -> Value {
    let mut object = Map::new();
    put(&mut object, "id", file.meta_media_id.as_deref());
    put(&mut object, "link", file.link.as_deref());
    put(&mut object, "caption", file.caption.as_deref());
    if file.kind == MediaKind::Document {
        put(&mut object, "filename", file.filename.as_deref());
    }
    if file.kind == MediaKind::Audio && file.voice {
        object.insert("voice".to_owned(), true.into());
    }
    Value::Object(object)
}

fn template(approved: &TemplatePart) -> Value {
    let mut object = Map::new();
    object.insert("name".to_owned(), approved.name.as_str().into());
    object.insert("language".to_owned(), json!({ "code": approved.language }));
    if !approved.components.is_empty() {
        object.insert("components".to_owned(), approved.components.clone().into());
    }
    Value::Object(object)
}

fn put(object: &mut Map<String, Value>, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        object.insert(key.to_owned(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Recipient {
        Recipient::WaId(WaId::parse("16505551234").unwrap())
    }

    fn built(content: &Value) -> Value {
        let content: MessageContent = serde_json::from_value(content.clone()).unwrap();
        let body = SendBody::new(&phone(), &content, "").unwrap();
        let Value::Object(mut body) = serde_json::to_value(&body).unwrap() else {
            panic!("not an object");
        };
        assert_eq!(body.remove("messaging_product"), Some(json!("whatsapp")));
        assert_eq!(body.remove("recipient_type"), Some(json!("individual")));
        assert_eq!(body.remove("to"), Some(json!("+16505551234")));
        Value::Object(body)
    }

    #[test]
    fn each_sendable_part_has_metas_form() {
        let cases = [
            (
                json!({"type": "text", "body": "hi", "preview_url": true, "reply_to": "wamid.1"}),
                json!({"type": "text", "text": {"body": "hi", "preview_url": true}, "context": {"message_id": "wamid.1"}}),
            ),
            (
                json!({"type": "media", "kind": "document", "link": "https://x/y.pdf", "caption": "c", "filename": "y.pdf"}),
                json!({"type": "document", "document": {"link": "https://x/y.pdf", "caption": "c", "filename": "y.pdf"}}),
            ),
            (
                json!({"type": "media", "kind": "audio", "meta_media_id": "7", "voice": true, "filename": "no"}),
                json!({"type": "audio", "audio": {"id": "7", "voice": true}}),
            ),
            (
                json!({"type": "template", "name": "t", "language": "en_US", "components": [{"type": "body", "parameters": []}]}),
                json!({"type": "template", "template": {"name": "t", "language": {"code": "en_US"}, "components": [{"type": "body", "parameters": []}]}}),
            ),
            (
                json!({"type": "template", "name": "t", "language": "de"}),
                json!({"type": "template", "template": {"name": "t", "language": {"code": "de"}}}),
            ),
            (
                json!({"type": "reaction", "message_id": "wamid.2", "emoji": "👍", "reply_to": "wamid.2"}),
                json!({"type": "reaction", "reaction": {"message_id": "wamid.2", "emoji": "👍"}}),
            ),
            (
                json!({"type": "location", "latitude": 1.5, "longitude": -2.0, "name": "n"}),
                json!({"type": "location", "location": {"latitude": 1.5, "longitude": -2.0, "name": "n"}}),
            ),
        ];
        for (content, request) in cases {
            assert_eq!(built(&content), request);
        }
    }

    #[test]
    fn a_person_without_a_phone_number_is_addressed_by_user_id() {
        let recipient = Recipient::Bsuid(Bsuid::parse("US.1").unwrap());
        let body = SendBody::new(&recipient, &MessageContent::text("hi"), "row-1").unwrap();
        assert_eq!(body.as_value()["recipient"], json!("US.1"));
        assert_eq!(body.as_value().get("to"), None);
        assert_eq!(body.as_value()["biz_opaque_callback_data"], json!("row-1"));
        assert_eq!(format!("{body:?}"), "SendBody(\"text\")");
    }

    #[test]
    fn a_group_is_addressed_as_one() {
        let recipient = Recipient::Group(GroupId::parse("Y2FwaV9ncm91cDox").unwrap());
        let body = SendBody::new(&recipient, &MessageContent::text("hi"), "").unwrap();
        assert_eq!(body.as_value()["recipient_type"], json!("group"));
        assert_eq!(body.as_value()["to"], json!("Y2FwaV9ncm91cDox"));
        assert_eq!(body.as_value().get("recipient"), None);
    }

    #[test]
    fn what_meta_would_refuse_never_becomes_a_request() {
        let refused = |content: &MessageContent, data: &str| {
            SendBody::new(&phone(), content, data).unwrap_err()
        };
        assert_eq!(
            refused(&MessageContent::note("n"), ""),
            SendBodyError::Content(InvalidContent::NotSendable { kind: "note" })
        );
        assert_eq!(
            refused(&MessageContent::text("hi"), &"x".repeat(513)),
            SendBodyError::CallbackData { length: 513 }
        );
    }
}
