//! What happens between a phone and a business number.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::effects::Effects;
use super::ids::Direction;
use super::messages::{Message, Price, Progress};
use super::{State, UnknownObject};
use crate::webhooks::build::Change;

/// A business may write freely for this long after the last inbound message.
const WINDOW: TimeDelta = TimeDelta::hours(24);

/// A send the Graph API accepted.
pub(crate) struct Accepted {
    pub(crate) number_id: String,
    pub(crate) wa_id: String,
    pub(crate) kind: String,
    pub(crate) body: Arc<str>,
    pub(crate) callback_data: Option<String>,
    pub(crate) by_user_id: bool,
    /// Category of the template, if it is one.
    pub(crate) template_category: Option<String>,
    /// A failure that is already certain.
    pub(crate) failure: Option<(i64, Option<String>)>,
    /// Target and emoji of a reaction.
    pub(crate) reaction: Option<(String, String)>,
}

impl State {
    /// True when the person wrote within the customer service window.
    pub(crate) fn window_open(&self, wa_id: &str, number_id: &str, now: DateTime<Utc>) -> bool {
        self.contacts
            .thread(wa_id, number_id)
            .and_then(|thread| thread.last_inbound)
            .is_some_and(|at| now - at < WINDOW)
    }

    /// Takes a business's message into the chat and plans its statuses.
    pub(crate) fn accept(&mut self, fx: &mut Effects, send: Accepted) -> String {
        let id = self.ids.wamid(&send.wa_id, Direction::Outbound);
        if let Some((target, emoji)) = &send.reaction {
            self.react(target, emoji, Direction::Outbound);
        }
        let price = self.price(&send, fx.now);
        let faults = self.faults.of(&send.number_id);
        let failure = send.failure.clone().or_else(|| {
            let fault = self.faults.fail_later(&send.number_id, &mut self.ids)?;
            Some((fault.code, fault.details))
        });
        self.keep(
            fx,
            Message {
                id: id.clone(),
                sequence: 0,
                number_id: send.number_id,
                wa_id: send.wa_id,
                direction: Direction::Outbound,
                at: fx.now,
                kind: send.kind,
                body: send.body,
                progress: Progress::Accepted,
                callback_data: send.callback_data.map(Arc::from),
                price,
                by_user_id: send.by_user_id,
                error: None,
                reactions: [None, None],
                revoked: false,
                edited: None,
            },
        );
        if faults.auto_statuses != Some(false) {
            let due = fx.instant + faults.sent_after();
            let to = match failure {
                Some(_) => Progress::Failed,
                None => Progress::Sent,
            };
            self.schedule.plan(due, &id, to, failure);
        }
        id
    }

    /// Takes a phone's message into the chat and tells the business.
    pub(crate) fn receive(
        &mut self,
        fx: &mut Effects,
        number_id: &str,
        wa_id: &str,
        mut object: Map<String, Value>,
    ) -> Result<String, UnknownObject> {
        if !self.accounts.numbers.contains_key(number_id) {
            return Err(UnknownObject::new("phone number", number_id));
        }
        let contact = self.contacts.ensure(wa_id, wa_id).clone();
        let id = match object.get("id").and_then(Value::as_str) {
            Some(id) => id.to_owned(),
            None => self.ids.wamid(wa_id, Direction::Inbound),
        };
        object.insert("id".to_owned(), json!(id));
        object
            .entry("timestamp")
            .or_insert_with(|| json!(fx.now.timestamp().to_string()));
        if !contact.hide_phone {
            object.insert("from".to_owned(), json!(wa_id));
        }
        object.insert("from_user_id".to_owned(), json!(contact.user_id));
        self.apply_inbound(&object);
        let message = Value::Object(object);
        let kind = message
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_system = kind == "system";
        self.keep(
            fx,
            Message {
                id: id.clone(),
                sequence: 0,
                number_id: number_id.to_owned(),
                wa_id: wa_id.to_owned(),
                direction: Direction::Inbound,
                at: fx.now,
                kind: kind.to_owned(),
                body: Arc::from(message.to_string()),
                progress: Progress::Sent,
                callback_data: None,
                price: Price::default(),
                by_user_id: false,
                error: None,
                reactions: [None, None],
                revoked: false,
                edited: None,
            },
        );
        if let Some(thread) = self.contacts.thread_mut(wa_id, number_id) {
            thread.last_inbound = Some(fx.now);
        }
        let contact = (!is_system).then(|| contact.webhook());
        self.announce(fx, number_id, wa_id, Change::Message { contact, message });
        Ok(id)
    }

    /// Effects of an inbound message on the chat itself.
    fn apply_inbound(&mut self, object: &Map<String, Value>) {
        let text = |kind: &str, field: &str| {
            object
                .get(kind)
                .and_then(|content| content.get(field))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        match object.get("type").and_then(Value::as_str) {
            Some("reaction") => {
                let target = text("reaction", "message_id");
                self.react(&target, &text("reaction", "emoji"), Direction::Inbound);
            }
            Some("revoke") => {
                let target = text("revoke", "original_message_id");
                if let Some(message) = self.messages.get_mut(&target) {
                    message.revoked = true;
                }
            }
            Some("edit") => {
                let target = text("edit", "original_message_id");
                let body = object
                    .get("edit")
                    .and_then(|edit| edit.pointer("/message/text/body"))
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                if let Some(message) = self.messages.get_mut(&target) {
                    message.edited = body;
                }
            }
            _ => {}
        }
    }

    fn react(&mut self, target: &str, emoji: &str, by: Direction) {
        let Some(message) = self.messages.get_mut(target) else {
            return;
        };
        let [of_phone, of_business] = &mut message.reactions;
        let reaction = match by {
            Direction::Inbound => of_phone,
            Direction::Outbound => of_business,
        };
        *reaction = (!emoji.is_empty()).then(|| emoji.to_owned());
    }

    /// Stores a message in its chat.
    fn keep(&mut self, fx: &mut Effects, message: Message) {
        let inbound = message.direction == Direction::Inbound;
        fx.tell(
            "message",
            json!({
                "phone_number_id": message.number_id,
                "wa_id": message.wa_id,
                "id": message.id,
                "direction": message.direction,
            }),
        );
        let (id, number_id, wa_id) = (
            message.id.clone(),
            message.number_id.clone(),
            message.wa_id.clone(),
        );
        if let Some(gone) = self.messages.insert(message)
            && let Some(thread) = self.contacts.thread_mut(&gone.wa_id, &gone.number_id)
        {
            thread.messages.pop_front();
        }
        let activity = self.messages.last_sequence();
        if let Some(thread) = self.contacts.thread_mut(&wa_id, &number_id) {
            thread.messages.push_back(id);
            thread.last_activity = activity;
            if !inbound {
                thread.unread += 1;
                thread.typing_until = None;
            }
        }
    }
}
