//! The last look at a message before it goes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sb_cloud_api::graph::{Recipient, SendBody};
use sb_db::dispatch::{Address, ClaimedMessage};
use sb_domain::content::{MessageContent, Part, StoredFile};
use sb_domain::outgoing::needs_open_window;
use sb_domain::window::Window;
use sb_ids::MessageId;

/// Why a claimed message is not sent at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Its time is over.
    Expired,
    /// The contact last wrote more than a day ago, and it is not a template.
    WindowClosed,
    /// An agent wrote it, and a person took over before it went.
    AgentPaused,
    /// An agent wrote it, and Meta gave the conversation to somebody else before it went.
    HandedOver,
    /// Meta would refuse the content.
    NotSendable,
    /// The contact has neither phone number nor user id.
    Unreachable,
    /// The number has no token.
    TokenMissing,
    /// What is stored as Meta's id of the number is not one.
    NumberUnusable,
    /// A file it is sent with is gone.
    FileMissing,
    /// Meta does not take a file it is sent with, for its type or its size.
    FileUnsupported,
    /// No voice note can be made of a file.
    FileNoSound,
}

impl Stop {
    /// Our stable code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Expired => "message.expired",
            Self::WindowClosed => "conversation.window_closed",
            Self::AgentPaused => "conversation.agent_paused",
            Self::HandedOver => "conversation.handed_over",
            Self::NotSendable => "message.not_sendable",
            Self::Unreachable => "contact.unreachable",
            Self::TokenMissing => "number.token_missing",
            Self::NumberUnusable => "number.unusable",
            Self::FileMissing => "media.missing",
            Self::FileUnsupported => "media.unsupported",
            Self::FileNoSound => "media.no_sound",
        }
    }
}

/// Whether an expiry time has come.
pub(crate) fn is_expired(expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    expires_at.is_some_and(|end| end <= now)
}

/// A message that may go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cleared {
    recipient: Recipient,
    content: MessageContent,
    message: MessageId,
    /// The template for a closed window goes in the place of what was wanted.
    pub(crate) uses_fallback: bool,
}

impl Cleared {
    /// What it is sent with that Meta needs a copy of.
    pub(crate) fn files(&self) -> Vec<StoredFile> {
        self.content.stored_files()
    }

    /// Names its files by the ids of Meta's copies.
    pub(crate) fn name_files(&mut self, ids: &BTreeMap<StoredFile, String>) {
        self.content.name_files(ids);
    }

    /// The request.
    ///
    /// # Errors
    /// [`Stop::NotSendable`] when Meta would refuse it.
    pub(crate) fn body(&self) -> Result<SendBody, Stop> {
        // The message's id comes back in every status: it resolves a lost answer.
        SendBody::new(&self.recipient, &self.content, &self.message.to_string())
            .map_err(|_| Stop::NotSendable)
    }
}

/// Lets a message go.
///
/// # Errors
/// [`Stop`] when it must not.
pub(crate) fn clear(message: &ClaimedMessage, now: DateTime<Utc>) -> Result<Cleared, Stop> {
    if is_expired(message.expires_at, now) {
        return Err(Stop::Expired);
    }
    if message.number.access_token_sealed.is_none() {
        return Err(Stop::TokenMissing);
    }
    if message.number.phone_number_id.is_none() {
        return Err(Stop::NumberUnusable);
    }
    if message.is_agent_paused {
        return Err(Stop::AgentPaused);
    }
    if message.is_handed_over {
        return Err(Stop::HandedOver);
    }
    let (content, uses_fallback) = content(message, now)?;
    let recipient = match &message.address {
        Some(Address::Phone(phone)) => Recipient::WaId(phone.clone()),
        Some(Address::Bsuid(id)) => Recipient::Bsuid(id.clone()),
        Some(Address::Group(id)) => Recipient::Group(id.clone()),
        None => return Err(Stop::Unreachable),
    };
    Ok(Cleared {
        recipient,
        content,
        message: message.outgoing.message,
        uses_fallback,
    })
}

/// What goes: what was wanted, or the template for a closed window.
fn content(message: &ClaimedMessage, now: DateTime<Utc>) -> Result<(MessageContent, bool), Stop> {
    let content: MessageContent =
        serde_json::from_value(message.content.clone()).map_err(|_| Stop::NotSendable)?;
    if !needs_open_window(&content) || Window::at(now, message.last_incoming_at).is_open() {
        return Ok((content, false));
    }
    let fallback = message.fallback.clone().ok_or(Stop::WindowClosed)?;
    let template = serde_json::from_value(fallback).map_err(|_| Stop::NotSendable)?;
    Ok((MessageContent::of(Part::Template(template)), true))
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::TimeDelta;
    use sb_db::dispatch::{OutgoingRef, SendingNumber};
    use sb_ids::{
        Bsuid, ContactId, ConversationId, MessageId, NumberId, OrganizationId, PhoneNumberId, WaId,
    };
    use serde_json::json;

    use super::*;

    pub(in crate::rules) fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    pub(in crate::rules) fn claimed() -> ClaimedMessage {
        let at = now();
        ClaimedMessage {
            outgoing: OutgoingRef {
                organization: OrganizationId::new(at),
                message: MessageId::new(at),
                conversation: ConversationId::new(at),
                contact: ContactId::new(at),
                number: NumberId::new(at),
                sequence: 1,
            },
            content: json!({"type": "text", "body": "hi"}),
            fallback: None,
            is_agent_paused: false,
            is_handed_over: false,
            attempt: 1,
            due_since: at,
            expires_at: None,
            last_incoming_at: Some(at - TimeDelta::hours(1)),
            address: Some(Address::Phone(WaId::parse("491700000000").unwrap())),
            number: SendingNumber {
                id: NumberId::new(at),
                phone_number_id: Some(PhoneNumberId::parse("1").unwrap()),
                access_token_sealed: Some(vec![1]),
                rate_per_second: None,
                is_token_rejected: false,
            },
            has_more: false,
        }
    }

    fn ready(message: &ClaimedMessage, at: DateTime<Utc>) -> Result<SendBody, Stop> {
        clear(message, at)?.body()
    }

    fn stop(change: impl FnOnce(&mut ClaimedMessage)) -> Option<Stop> {
        let mut message = claimed();
        change(&mut message);
        ready(&message, now()).err()
    }

    #[test]
    fn a_message_goes_with_its_own_id_as_callback_data() {
        let message = claimed();
        let body = ready(&message, now()).unwrap();
        let echoed = &body.as_value()["biz_opaque_callback_data"];
        assert_eq!(echoed, &json!(message.outgoing.message.to_string()));
    }

    #[test]
    fn a_closed_window_stops_everything_but_templates() {
        let long_ago = Some(now() - TimeDelta::hours(24));
        assert_eq!(
            stop(|m| m.last_incoming_at = long_ago),
            Some(Stop::WindowClosed)
        );
        let template = json!({"type": "template", "name": "t", "language": "de"});
        let stopped = stop(|m| {
            m.last_incoming_at = None;
            m.content = template;
        });
        assert_eq!(stopped, None);
    }

    #[test]
    fn a_closed_window_lets_the_fallback_go() {
        let mut message = claimed();
        message.fallback = Some(json!({"name": "t", "language": "de"}));
        assert!(!clear(&message, now()).unwrap().uses_fallback);
        message.last_incoming_at = None;
        let cleared = clear(&message, now()).unwrap();
        assert!(cleared.uses_fallback);
        let body = cleared.body().unwrap();
        assert_eq!(body.as_value()["template"]["name"], json!("t"));
    }

    #[test]
    fn what_an_agent_wrote_before_it_lost_the_conversation_does_not_go() {
        assert_eq!(stop(|m| m.is_agent_paused = true), Some(Stop::AgentPaused));
        assert_eq!(stop(|m| m.is_handed_over = true), Some(Stop::HandedOver));
    }

    #[test]
    fn what_cannot_go_says_why() {
        assert_eq!(stop(|m| m.expires_at = Some(now())), Some(Stop::Expired));
        assert_eq!(stop(|m| m.address = None), Some(Stop::Unreachable));
        assert_eq!(
            stop(|m| m.number.access_token_sealed = None),
            Some(Stop::TokenMissing)
        );
        assert_eq!(
            stop(|m| m.number.phone_number_id = None),
            Some(Stop::NumberUnusable)
        );
        let bad = json!({"type": "text", "body": ""});
        assert_eq!(stop(|m| m.content = bad), Some(Stop::NotSendable));
        assert_eq!(stop(|m| m.content = json!(7)), Some(Stop::NotSendable));
    }

    #[test]
    fn without_a_phone_number_the_user_id_is_written_to() {
        let id = Bsuid::parse("US.1").unwrap();
        let message = ClaimedMessage {
            address: Some(Address::Bsuid(id)),
            ..claimed()
        };
        let body = ready(&message, now()).unwrap();
        assert_eq!(body.as_value()["recipient"], json!("US.1"));
    }
}
