//! One message: incoming, or written by the business on its phone.

mod parts;
mod wire;

use std::{borrow::Cow, fmt};

use chrono::{DateTime, Utc};
use sb_domain::content::{Forwarded, MessageContent, Part};
use sb_ids::{Bsuid, WaId, Wamid};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{Malformed, Problem, scalar};
use crate::errors::MetaError;

/// An incoming message: what all types have in common, and the type's own part on demand.
///
/// # Source
/// Meta, "Webhooks, messages", 2026.
pub struct InboundMessage<'a> {
    /// `wamid.…`; a voicemail's is the id of its call.
    pub id: Wamid,
    /// The sender's phone number; absent for most senders with a username.
    pub from: Option<WaId>,
    /// The sender's business-scoped id.
    pub from_user_id: Option<Bsuid>,
    /// The sender's id across an enrolled portfolio.
    pub from_parent_user_id: Option<Bsuid>,
    /// When it was sent.
    pub timestamp: DateTime<Utc>,
    /// Whom the business wrote to; only on what was written by the business.
    pub to: Option<WaId>,
    /// The addressee's business-scoped id.
    pub to_user_id: Option<Bsuid>,
    /// The addressee's id across an enrolled portfolio.
    pub to_parent_user_id: Option<Bsuid>,
    /// Meta's name of the type; `unknown` when there is none.
    pub kind: Cow<'a, str>,
    /// The group it was written in.
    pub group_id: Option<Cow<'a, str>>,
    /// What it answers or forwards, as received.
    pub context: Option<&'a RawValue>,
    /// The ad or post the sender came from, as received.
    pub referral: Option<&'a RawValue>,
    /// The whole message as received.
    pub raw: &'a RawValue,
    text: Option<&'a RawValue>,
    history_context: Option<&'a RawValue>,
    errors: Vec<&'a RawValue>,
}

impl fmt::Debug for InboundMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundMessage")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("timestamp", &self.timestamp)
            .finish_non_exhaustive()
    }
}

/// What a message answers or forwards.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// The message it answers.
    pub reply_to: Option<String>,
    /// How often it was forwarded.
    pub forwarded: Option<Forwarded>,
    /// The catalogue product it is about, as received.
    pub referred_product: Option<Value>,
}

/// What a message does to an earlier one instead of saying something.
///
/// # Source
/// Meta, "Edit and revoke messages webhooks", 2026: texts and captions for 15 minutes, revoking for two days.
#[derive(Debug, Clone, PartialEq)]
pub enum MessageChange {
    /// It says this from now on.
    Edited {
        /// The message.
        original: Wamid,
        /// What it says.
        content: Box<MessageContent>,
    },
    /// It was taken back.
    Revoked {
        /// The message.
        original: Wamid,
    },
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    id: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    from: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    from_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    from_parent_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    to: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    to_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    to_parent_user_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    timestamp: Cow<'a, str>,
    #[serde(
        borrow,
        default,
        rename = "type",
        deserialize_with = "scalar::optional"
    )]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    group_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow)]
    referral: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    history_context: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    errors: Vec<&'a RawValue>,
}

impl<'a> InboundMessage<'a> {
    /// Reads one item of `messages`.
    ///
    /// A sender's id that is no id counts as absent; whoever needs a sender checks that one is there.
    ///
    /// # Errors
    /// [`Malformed`] without a usable id or timestamp, or with a field of another form.
    pub fn parse(raw: &'a RawValue) -> Result<Self, Malformed> {
        let wire: Wire<'a> =
            serde_json::from_str(raw.get()).map_err(|error| Malformed::json("message", &error))?;
        let malformed = |field| Malformed::field("message", Problem::Invalid, field);
        Ok(Self {
            id: Wamid::parse(wire.id).map_err(|_| malformed("id"))?,
            from: scalar::wa_id(wire.from.as_deref()),
            from_user_id: scalar::bsuid(wire.from_user_id.as_deref()),
            from_parent_user_id: scalar::bsuid(wire.from_parent_user_id.as_deref()),
            timestamp: scalar::instant(&wire.timestamp).ok_or_else(|| malformed("timestamp"))?,
            to: scalar::wa_id(wire.to.as_deref()),
            to_user_id: scalar::bsuid(wire.to_user_id.as_deref()),
            to_parent_user_id: scalar::bsuid(wire.to_parent_user_id.as_deref()),
            kind: wire.kind.unwrap_or(Cow::Borrowed("unknown")),
            group_id: wire.group_id,
            context: wire.context,
            referral: wire.referral,
            raw,
            text: wire.text,
            history_context: wire.history_context,
            errors: wire.errors,
        })
    }

    /// What the message says, in the form that is stored. A type that is not interpreted, or whose
    /// part has another form than documented, is kept whole.
    pub fn content(&self) -> MessageContent {
        let context = self.context();
        MessageContent {
            part: self.part().unwrap_or_else(|| self.kept()),
            reply_to: context.reply_to,
            forwarded: context.forwarded,
            referral: self.referral.map(tree),
            referred_product: context.referred_product,
            group_id: self.group_id.as_deref().map(str::to_owned),
            artifacts: Vec::new(),
        }
    }

    /// What the message answers or forwards; empty when it says nothing readable about that.
    pub fn context(&self) -> Context {
        context_of(self.context)
    }

    /// What it does to an earlier message; `None` for a message that says something itself, and for an edit or
    /// a revocation of another form than documented, which is kept like any unknown type.
    pub fn change(&self) -> Option<MessageChange> {
        match self.kind.as_ref() {
            "edit" => self.edited(),
            "revoke" => {
                let wire: wire::WireRevokeMessage<'_> = read(self.raw)?;
                let original = Wamid::parse(wire.revoke.original_message_id).ok()?;
                Some(MessageChange::Revoked { original })
            }
            _ => None,
        }
    }

    fn edited(&self) -> Option<MessageChange> {
        let wire: wire::WireEditMessage<'a> = read(self.raw)?;
        let original = Wamid::parse(wire.edit.original_message_id).ok()?;
        let inner: wire::WireInner<'a> = read(wire.edit.message)?;
        let kind = inner.kind?;
        let context = context_of(inner.context.or(self.context));
        let part = parts::read(&kind, wire.edit.message)
            .or_else(|| parts::caption(&kind, wire.edit.message))?;
        Some(MessageChange::Edited {
            original,
            content: Box::new(MessageContent {
                reply_to: context.reply_to,
                forwarded: context.forwarded,
                referred_product: context.referred_product,
                group_id: self.group_id.as_deref().map(str::to_owned),
                ..MessageContent::of(part)
            }),
        })
    }

    /// Meta's word for how far a message of the past had come.
    pub fn history_status(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct WireHistory<'a> {
            #[serde(borrow, default, deserialize_with = "scalar::optional")]
            status: Option<Cow<'a, str>>,
        }
        let wire: WireHistory<'_> = read(self.history_context?)?;
        wire.status.map(Cow::into_owned)
    }

    /// Errors inside the message, as in the type `unsupported`.
    pub fn errors(&self) -> Vec<MetaError> {
        self.errors
            .iter()
            .copied()
            .map(MetaError::from_raw)
            .collect()
    }

    fn part(&self) -> Option<Part> {
        if self.kind == "text" {
            // The commonest type: without reading the message a second time.
            return parts::text(self.text?);
        }
        parts::read(&self.kind, self.raw)
    }

    fn kept(&self) -> Part {
        Part::Raw {
            meta_type: self.kind.clone().into_owned(),
            raw: tree(self.raw),
        }
    }
}

/// What the body of a send says, in the form that is stored; a type that is not interpreted is kept whole.
pub fn content_of_body(body: &RawValue) -> MessageContent {
    #[derive(Default, Deserialize)]
    struct WireBody<'a> {
        #[serde(
            borrow,
            default,
            rename = "type",
            deserialize_with = "scalar::optional"
        )]
        kind: Option<Cow<'a, str>>,
        #[serde(borrow)]
        context: Option<WireReplied<'a>>,
    }
    #[derive(Deserialize)]
    struct WireReplied<'a> {
        #[serde(borrow, default, deserialize_with = "scalar::optional")]
        message_id: Option<Cow<'a, str>>,
    }
    let wire: WireBody<'_> = read(body).unwrap_or_default();
    let kind = wire.kind.unwrap_or(Cow::Borrowed("text"));
    let part = parts::read(&kind, body).unwrap_or_else(|| Part::Raw {
        meta_type: kind.into_owned(),
        raw: tree(body),
    });
    let replied = wire.context.and_then(|context| context.message_id);
    MessageContent {
        reply_to: replied.map(Cow::into_owned),
        ..MessageContent::of(part)
    }
}

#[derive(Default, Deserialize)]
struct WireContext<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::optional")]
    id: Option<Cow<'a, str>>,
    #[serde(default)]
    forwarded: bool,
    #[serde(default)]
    frequently_forwarded: bool,
    #[serde(borrow)]
    referred_product: Option<&'a RawValue>,
}

fn context_of(raw: Option<&RawValue>) -> Context {
    let wire: WireContext<'_> = raw.and_then(read).unwrap_or_default();
    Context {
        reply_to: wire.id.filter(|id| !id.is_empty()).map(Cow::into_owned),
        forwarded: if wire.frequently_forwarded {
            Some(Forwarded::Frequently)
        } else if wire.forwarded {
            Some(Forwarded::Once)
        } else {
            None
        },
        referred_product: wire.referred_product.map(tree),
    }
}

/// A piece in its documented form, or nothing.
fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// The document as a tree. What no tree can hold (nested too deep, a number out of range) is kept
/// as its text.
fn tree(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| Value::String(raw.get().to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content(message: &Value) -> MessageContent {
        let raw = serde_json::value::to_raw_value(message).unwrap();
        InboundMessage::parse(&raw).unwrap().content()
    }

    fn message(kind: &str, part: &Value) -> Value {
        json!({
            "id": "wamid.A", "from": "16505551234", "from_user_id": "US.1", "timestamp": "1739321024",
            "type": kind, kind: part,
        })
    }

    #[test]
    fn text_keeps_what_surrounds_it() {
        let mut text = message("text", &json!({"body": "hi"}));
        text["context"] = json!({"from": "1", "id": "wamid.B"});
        text["referral"] = json!({"source_type": "ad", "ctwa_clid": "x"});
        let content = content(&text);
        assert_eq!(content.words(), Some("hi"));
        assert_eq!(content.reply_to.as_deref(), Some("wamid.B"));
        assert_eq!(
            content.referral,
            Some(json!({"source_type": "ad", "ctwa_clid": "x"}))
        );
    }

    #[test]
    fn forwarding_is_counted_in_two_steps() {
        let forwarded = |context| {
            let mut text = message("text", &json!({"body": "hi"}));
            text["context"] = context;
            content(&text).forwarded
        };
        assert_eq!(forwarded(json!({"forwarded": true})), Some(Forwarded::Once));
        assert_eq!(
            forwarded(json!({"frequently_forwarded": true})),
            Some(Forwarded::Frequently)
        );
        assert_eq!(forwarded(json!({"forwarded": "maybe"})), None);
    }

    #[test]
    fn reactions_and_places_are_typed() {
        assert_eq!(
            content(&message(
                "reaction",
                &json!({"message_id": "wamid.B", "emoji": "👍"})
            ))
            .part,
            Part::Reaction {
                message_id: "wamid.B".to_owned(),
                emoji: "👍".to_owned()
            }
        );
        assert_eq!(
            content(&message("reaction", &json!({"message_id": "wamid.B"}))).part,
            Part::Reaction {
                message_id: "wamid.B".to_owned(),
                emoji: String::new()
            }
        );
        assert_eq!(
            content(&message(
                "location",
                &json!({"latitude": 1, "longitude": -2.5, "name": "n"})
            ))
            .part,
            Part::Location {
                latitude: 1.0,
                longitude: -2.5,
                name: Some("n".to_owned()),
                address: None,
                url: None,
            }
        );
    }

    #[test]
    fn other_types_and_unexpected_parts_are_kept_whole() {
        for (kind, part) in [
            ("order", json!({"catalog_id": []})),
            ("invented_tomorrow", json!([1])),
            ("text", json!({"body": 7})),
            ("location", json!({"latitude": "north"})),
        ] {
            let whole = message(kind, &part);
            assert_eq!(
                content(&whole).part,
                Part::Raw {
                    meta_type: kind.to_owned(),
                    raw: whole.clone()
                }
            );
        }
    }

    #[test]
    fn what_no_tree_holds_is_kept_as_text() {
        let json = format!(
            r#"{{"id":"wamid.A","timestamp":1,"type":"x","x":{}1e999{}}}"#,
            "[".repeat(500),
            "]".repeat(500)
        );
        let raw = RawValue::from_string(json.clone()).unwrap();
        let Part::Raw { raw, .. } = InboundMessage::parse(&raw).unwrap().content().part else {
            panic!("not kept");
        };
        assert_eq!(raw, Value::String(json));
    }

    #[test]
    fn a_sender_may_be_known_by_either_id() {
        let raw = RawValue::from_string(
            r#"{"id":"wamid.A","timestamp":1,"from":"+16505551234","from_user_id":"?"}"#.to_owned(),
        )
        .unwrap();
        let message = InboundMessage::parse(&raw).unwrap();
        assert_eq!(message.from, WaId::parse("16505551234").ok());
        assert_eq!(message.from_user_id, None);
        assert_eq!(message.kind, "unknown");
    }

    #[test]
    fn a_message_without_id_or_time_is_refused_by_field() {
        let place = |json: &str| {
            let raw = RawValue::from_string(json.to_owned()).unwrap();
            InboundMessage::parse(&raw).unwrap_err().place
        };
        assert_eq!(place(r#"{"timestamp":"1"}"#), "id");
        assert_eq!(place(r#"{"id":"wamid.A","timestamp":"x"}"#), "timestamp");
    }
}
