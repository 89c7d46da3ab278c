//! Shape and limits of what a business sends.
//!
//! # Source
//! Meta, "Send messages" and the page of each message type, as of 2026-09.

mod interactive;
mod node;
mod template;

use serde_json::Value;

pub(crate) use node::Node;
pub(crate) use template::check as check_template;

use super::error::GraphError;

/// Kinds a message may have.
const KINDS: &[&str] = &[
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "template",
    "interactive",
    "pin",
];

/// What a file of a voice note has to be.
pub(crate) const VOICE: &str = "voice";

/// A well-formed send.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Outgoing {
    pub(crate) kind: String,
    /// `to`, without punctuation.
    pub(crate) to: Option<String>,
    /// `to` or `recipient` as it was written.
    pub(crate) input: String,
    /// `recipient`: a BSUID.
    pub(crate) user_id: Option<String>,
    pub(crate) callback_data: Option<String>,
    /// Uploaded files it refers to, with the kind each must have.
    pub(crate) media: Vec<(String, String)>,
    /// Target and emoji of a reaction.
    pub(crate) reaction: Option<(String, String)>,
    /// `to` is a group.
    pub(crate) is_group: bool,
    /// A utility message without a template.
    pub(crate) is_utility: bool,
}

/// Checks a request of `POST /{number}/messages`.
pub(crate) fn outgoing(request: &Value) -> Result<Outgoing, GraphError> {
    let root = Node::root(request);
    let product = root.get("messaging_product");
    if product.and_then(|node| node.value().as_str()) != Some("whatsapp") {
        return Err(GraphError::parameter(
            "The parameter messaging_product is required.",
        ));
    }
    let mut send = Outgoing {
        kind: kind(&root)?,
        ..Outgoing::default()
    };
    recipient(&root, &mut send)?;
    send.callback_data = root
        .get_text("biz_opaque_callback_data", 512)?
        .map(str::to_owned);
    if let Some(context) = root.get("context") {
        context.need_text("message_id", 1024)?;
        if matches!(send.kind.as_str(), "reaction" | "pin") {
            return Err(context.invalid("is not allowed for this type"));
        }
    }
    category(&root, &mut send)?;
    let content = root.need(&send.kind)?;
    match send.kind.as_str() {
        "text" => {
            content.need_text("body", 4096)?;
        }
        "image" | "video" | "document" | "audio" | "sticker" => {
            let kind = send.kind.clone();
            media(&content, &kind, &mut send)?;
        }
        "location" => location(&content)?,
        "contacts" => contacts(&content)?,
        "pin" => pin(&content, &send)?,
        "reaction" => {
            let target = content.need_text("message_id", 1024)?.to_owned();
            let emoji = content.get_text("emoji", 32)?.unwrap_or_default();
            send.reaction = Some((target, emoji.to_owned()));
        }
        "template" => template::shape(&content, &mut send)?,
        _ => interactive::check(&content, &mut send)?,
    }
    Ok(send)
}

fn kind(root: &Node<'_>) -> Result<String, GraphError> {
    let kind = match root.get("type") {
        Some(kind) => kind.text()?.to_lowercase(),
        None => "text".to_owned(),
    };
    if KINDS.contains(&kind.as_str()) {
        return Ok(kind);
    }
    Err(GraphError::parameter(&format!(
        "Param type must be one of {{{}}} - got \"{kind}\".",
        KINDS.join(", ").to_uppercase()
    )))
}

/// `to` wins over `recipient` when both are given.
fn recipient(root: &Node<'_>, send: &mut Outgoing) -> Result<(), GraphError> {
    match root.get("recipient_type") {
        Some(kind) if kind.text()? == "group" => return group(root, send),
        Some(kind) if kind.text()? != "individual" => {
            return Err(kind.invalid("must be individual or group"));
        }
        Some(_) | None => {}
    }
    if let Some(to) = root.get("to") {
        let written = match to.value().as_str() {
            Some(text) => text.to_owned(),
            None if to.value().is_number() => to.value().to_string(),
            None => return Err(to.invalid("must be a string")),
        };
        let number: String = written
            .chars()
            .filter(|c| !matches!(c, '+' | '-' | '(' | ')' | ' '))
            .collect();
        let is_number = number.chars().all(|c| c.is_ascii_digit());
        if !is_number || !(7..=15).contains(&number.len()) {
            return Err(to.invalid("is not a valid WhatsApp phone number"));
        }
        send.input = written;
        send.to = Some(number);
        return Ok(());
    }
    let Some(user) = root.get("recipient") else {
        return Err(GraphError::parameter("The parameter to is required."));
    };
    let id = user.text()?;
    let is_user_id = id
        .split_once('.')
        .is_some_and(|(country, rest)| country.len() == 2 && !rest.is_empty());
    if !is_user_id {
        return Err(user.invalid("is not a business-scoped user id"));
    }
    id.clone_into(&mut send.input);
    send.user_id = Some(id.to_owned());
    Ok(())
}

fn group(root: &Node<'_>, send: &mut Outgoing) -> Result<(), GraphError> {
    let id = root.need_text("to", 256)?;
    if !id.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Err(root.need("to")?.invalid("is not the id of a group"));
    }
    id.clone_into(&mut send.input);
    send.to = Some(id.to_owned());
    send.is_group = true;
    Ok(())
}

/// Direct Send: free text as a utility message.
fn category(root: &Node<'_>, send: &mut Outgoing) -> Result<(), GraphError> {
    let Some(category) = root.get("category") else {
        return Ok(());
    };
    if category.text()? != "utility" || send.kind != "text" {
        return Err(category.invalid("must be utility, and is for text"));
    }
    send.is_utility = true;
    Ok(())
}

fn pin(content: &Node<'_>, send: &Outgoing) -> Result<(), GraphError> {
    let kind = content.need("type")?;
    content.need_text("message_id", 1024)?;
    if !send.is_group {
        return Err(kind.invalid("is for groups"));
    }
    match kind.text()? {
        "unpin" => content.forbid("expiration_days", "is not allowed for unpin"),
        "pin" => {
            let days = content.need_number("expiration_days")?;
            if [1.0, 7.0, 30.0]
                .iter()
                .any(|known| (known - days).abs() < 0.5)
            {
                Ok(())
            } else {
                Err(content
                    .need("expiration_days")?
                    .invalid("must be 1, 7 or 30"))
            }
        }
        _ => Err(kind.invalid("must be pin or unpin")),
    }
}

/// `{id | link, caption?, filename?}` of a kind of media.
fn media(content: &Node<'_>, kind: &str, send: &mut Outgoing) -> Result<(), GraphError> {
    match (content.get("id"), content.get("link")) {
        (Some(id), None) => {
            let is_voice = content
                .get("voice")
                .is_some_and(|voice| voice.value() == true);
            let wanted = if is_voice { VOICE } else { kind };
            send.media.push((wanted.to_owned(), id.text()?.to_owned()));
        }
        (None, Some(link)) => {
            let is_http = url::Url::parse(link.text()?)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !is_http {
                return Err(link.invalid("is not a valid URI"));
            }
        }
        (Some(_), Some(link)) => return Err(link.invalid("cannot be given together with id")),
        (None, None) => {
            return Err(content
                .need("id")
                .err()
                .unwrap_or_else(|| GraphError::new(131_008)));
        }
    }
    match kind {
        "audio" | "sticker" => content.forbid("caption", "is not allowed for this type"),
        _ => content.get_text("caption", 1024).map(|_| ()),
    }
}

fn location(content: &Node<'_>) -> Result<(), GraphError> {
    for (field, bound) in [("latitude", 90.0), ("longitude", 180.0)] {
        let number = content.need_number(field)?;
        if !(-bound..=bound).contains(&number) {
            return Err(content
                .need(field)?
                .invalid(&format!("must be between -{bound} and {bound}")));
        }
    }
    content.get_text("name", 1024)?;
    content.get_text("address", 1024)?;
    Ok(())
}

fn contacts(content: &Node<'_>) -> Result<(), GraphError> {
    let cards = content.items()?;
    if cards.is_empty() {
        return Err(content.invalid("must not be empty"));
    }
    for card in cards {
        card.need("name")?.need_text("formatted_name", 1024)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(kind: &str, content: &Value) -> Value {
        json!({"messaging_product": "whatsapp", "to": "+1 (650) 555-1234", "type": kind,
            kind: content})
    }

    fn code(kind: &str, content: &Value) -> Option<i64> {
        outgoing(&with(kind, content))
            .err()
            .map(|error| error.code())
    }

    #[test]
    fn punctuation_of_the_recipient_is_dropped_and_its_spelling_kept() {
        let send = outgoing(&with("text", &json!({"body": "hi"}))).unwrap();
        assert_eq!(send.to.as_deref(), Some("16505551234"));
        assert_eq!(send.input, "+1 (650) 555-1234");
    }

    #[test]
    fn text_limits_hold_at_their_edges() {
        assert_eq!(code("text", &json!({"body": "é".repeat(4096)})), None);
        assert_eq!(
            code("text", &json!({"body": "é".repeat(4097)})),
            Some(131_009)
        );
        assert_eq!(code("text", &json!({"body": ""})), Some(131_008));
        assert_eq!(code("text", &json!({})), Some(131_008));
    }

    #[test]
    fn media_needs_exactly_one_of_id_and_link() {
        assert_eq!(code("image", &json!({"id": "1", "caption": "x"})), None);
        assert_eq!(code("image", &json!({"link": "https://a.b/c.jpg"})), None);
        assert_eq!(code("image", &json!({"link": "no"})), Some(131_009));
        assert_eq!(code("image", &json!({})), Some(131_008));
        let both = json!({"id": "1", "link": "https://a.b/c.jpg"});
        assert_eq!(code("image", &both), Some(131_009));
        assert_eq!(
            code("audio", &json!({"id": "1", "caption": "x"})),
            Some(131_009)
        );
    }

    #[test]
    fn unknown_type_and_missing_product_are_code_100() {
        assert_eq!(code("poll", &json!({})), Some(100));
        let error = outgoing(&json!({"to": "16505551234"})).unwrap_err();
        assert_eq!(error.code(), 100);
    }

    #[test]
    fn number_wins_over_user_id() {
        let mut request = with("text", &json!({"body": "hi"}));
        request["recipient"] = json!("US.1");
        assert_eq!(outgoing(&request).unwrap().user_id, None);
        request.as_object_mut().unwrap().remove("to");
        assert_eq!(outgoing(&request).unwrap().user_id.as_deref(), Some("US.1"));
    }

    #[test]
    fn only_groups_have_pins() {
        let pin = json!({"type": "pin", "message_id": "wamid.1", "expiration_days": 7});
        assert_eq!(code("pin", &pin), Some(131_009));
        let mut request = with("pin", &pin);
        request["recipient_type"] = json!("group");
        assert!(outgoing(&request).is_err());
        request["to"] = json!("Y2FwaV9ncm91cDox");
        assert!(outgoing(&request).unwrap().is_group);
        request["pin"]["expiration_days"] = json!(2);
        assert!(outgoing(&request).is_err());
    }

    #[test]
    fn free_text_may_be_a_utility_message() {
        let mut request = with("text", &json!({"body": "hi"}));
        request["category"] = json!("utility");
        assert!(outgoing(&request).unwrap().is_utility);
        request["category"] = json!("marketing");
        assert!(outgoing(&request).is_err());
    }

    #[test]
    fn callback_data_has_at_most_512_characters() {
        let mut request = with("text", &json!({"body": "hi"}));
        request["biz_opaque_callback_data"] = json!("x".repeat(512));
        assert!(outgoing(&request).is_ok());
        request["biz_opaque_callback_data"] = json!("x".repeat(513));
        assert!(outgoing(&request).is_err());
    }
}
