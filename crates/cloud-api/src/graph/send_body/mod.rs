//! The body of `POST /{phone_number_id}/messages`.

mod interactive;

use sb_domain::{
    content::{Marketing, MediaKind, MediaPart, MessageContent, Part, Pin, TemplatePart},
    outgoing::{self, InvalidContent},
};
use sb_ids::{Bsuid, GroupId, MediaId, WaId};
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
    /// A file of ours has no id of Meta's yet.
    #[error("file {file} is not uploaded to Meta")]
    FileNotUploaded {
        /// The file.
        file: MediaId,
    },
    /// The callback data is longer than Meta takes.
    #[error("callback data has {length} characters, Meta accepts {CALLBACK_DATA_MAX}")]
    CallbackData {
        /// Its length in characters.
        length: usize,
    },
}

/// Which of Meta's APIs takes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /{phone_number_id}/messages`.
    Messages,
    /// `POST /{phone_number_id}/marketing_messages`.
    MarketingMessages,
}

impl Endpoint {
    /// The last segment of its path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::MarketingMessages => "marketing_messages",
        }
    }
}

/// A complete send request.
#[derive(Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct SendBody {
    body: Value,
    #[serde(skip)]
    endpoint: Endpoint,
}

/// The body holds what is said and to whom, so only its type is printed.
impl std::fmt::Debug for SendBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SendBody({})",
            self.body.get("type").unwrap_or(&Value::Null)
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
        if let Some(file) = content.stored_files().first() {
            return Err(SendBodyError::FileNotUploaded { file: file.id });
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
        let endpoint = surroundings(&content.part, &mut body);
        if let Some(answered) = &content.reply_to
            && !matches!(kind, "reaction" | "pin")
        {
            body.insert("context".to_owned(), json!({ "message_id": answered }));
        }
        if !callback_data.is_empty() {
            body.insert("biz_opaque_callback_data".to_owned(), callback_data.into());
        }
        Ok(Self {
            body: Value::Object(body),
            endpoint,
        })
    }

    /// The request as JSON.
    pub const fn as_value(&self) -> &Value {
        &self.body
    }

    /// Where it goes.
    pub const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }
}

/// What some parts put beside themselves, and where they go.
///
/// # Source
/// Meta, "Marketing Messages API" and "Direct Send" (July 2026).
fn surroundings(part: &Part, body: &mut Map<String, Value>) -> Endpoint {
    if let Part::Text { utility: true, .. } = part {
        body.insert("category".to_owned(), "utility".into());
    }
    let Part::Template(TemplatePart {
        marketing: Some(marketing),
        ..
    }) = part
    else {
        return Endpoint::Messages;
    };
    let Marketing {
        product_policy,
        message_activity_sharing,
    } = marketing;
    put(
        body,
        "product_policy",
        product_policy.map(sb_domain::content::ProductPolicy::meta_word),
    );
    if let Some(shares) = message_activity_sharing {
        body.insert("message_activity_sharing".to_owned(), (*shares).into());
    }
    Endpoint::MarketingMessages
}

/// Meta's name of the type and its object.
fn part(content: &MessageContent) -> Result<(&'static str, Value), SendBodyError> {
    Ok(match &content.part {
        Part::Text {
            body, preview_url, ..
        } => ("text", json!({ "body": body, "preview_url": preview_url })),
        Part::Media(file) => (file.kind.as_str(), media(file)),
        Part::Template(approved) => ("template", template(approved)),
        Part::Interactive(message) => ("interactive", interactive::interactive(message)),
        Part::Contacts { contacts } => ("contacts", contacts.as_slice().into()),
        Part::Pin(pinned) => ("pin", pin(pinned)),
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

fn pin(pinned: &Pin) -> Value {
    let mut object = Map::new();
    let action = if pinned.unpin { "unpin" } else { "pin" };
    put(&mut object, "type", Some(action));
    put(&mut object, "message_id", Some(&pinned.message_id));
    if let Some(days) = pinned.days {
        object.insert("expiration_days".to_owned(), days.into());
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
                json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "A", "first_name": "A"}}]}),
                json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "A", "first_name": "A"}}]}),
            ),
            (
                json!({"type": "pin", "message_id": "wamid.2", "days": 7}),
                json!({"type": "pin", "pin": {"type": "pin", "message_id": "wamid.2", "expiration_days": 7}}),
            ),
            (
                json!({"type": "text", "body": "Your order left.", "utility": true}),
                json!({"type": "text", "text": {"body": "Your order left.", "preview_url": false}, "category": "utility"}),
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
    fn a_marketing_template_goes_to_its_own_endpoint() {
        let template = json!({"type": "template", "name": "t", "language": "en",
            "marketing": {"product_policy": "strict", "message_activity_sharing": false}});
        let content = serde_json::from_value(template).unwrap();
        let body = SendBody::new(&phone(), &content, "").unwrap();
        assert_eq!(body.endpoint(), Endpoint::MarketingMessages);
        assert_eq!(body.as_value()["product_policy"], json!("STRICT"));
        assert_eq!(body.as_value()["message_activity_sharing"], json!(false));
    }

    #[test]
    fn a_file_of_ours_is_uploaded_first() {
        let file = MediaId::parse("01890000-0000-7000-8000-000000000001").unwrap();
        let content = json!({"type": "media", "kind": "image", "media_id": file.to_string()});
        let content = serde_json::from_value(content).unwrap();
        assert_eq!(
            SendBody::new(&phone(), &content, "").unwrap_err(),
            SendBodyError::FileNotUploaded { file }
        );
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
