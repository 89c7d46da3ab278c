//! How far messages came, and the statuses that tell.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::contacts::Contact;
use super::effects::Effects;
use super::ids::Direction;
use super::messages::{Message, Progress};
use super::schedule::Step;
use super::{State, UnknownObject};
use crate::graph::error::webhook_error;
use crate::webhooks::build::Change;

impl State {
    /// Carries out a planned step, or keeps it back.
    pub(crate) fn take_step(&mut self, fx: &mut Effects, step: Step, released: bool) {
        let Some(message) = self.messages.get(&step.message_id) else {
            return;
        };
        let (id, number_id, wa_id) = (
            step.message_id.clone(),
            message.number_id.clone(),
            message.wa_id.clone(),
        );
        let is_reaction = message.kind == "reaction";
        let faults = self.faults.of(&number_id);
        if faults.hold_statuses == Some(true) && !released {
            self.schedule.hold(step);
            return;
        }
        let contact = self.contacts.get(&wa_id);
        let online = contact.is_none_or(|contact| contact.online);
        if step.to == Progress::Delivered && !online {
            return;
        }
        if step.to == Progress::Sent && contact.is_some_and(|contact| !contact.on_whatsapp) {
            self.advance(fx, &id, Progress::Failed, Some((131_026, None)));
            return;
        }
        let auto_read = contact
            .and_then(|contact| contact.auto_read)
            .unwrap_or_else(|| faults.auto_read != Some(false));
        if !self.advance(fx, &id, step.to, step.failure) {
            return;
        }
        let next = match step.to {
            Progress::Sent if !is_reaction => Some((Progress::Delivered, faults.delivered_after())),
            Progress::Delivered if auto_read => Some((Progress::Read, faults.read_after())),
            Progress::Accepted
            | Progress::Sent
            | Progress::Delivered
            | Progress::Read
            | Progress::Played
            | Progress::Failed => None,
        };
        if let Some((to, after)) = next {
            self.schedule.plan(fx.instant + after, &id, to, None);
        }
    }

    /// Moves a message forward and posts the status; false when it was
    /// already further.
    pub(crate) fn advance(
        &mut self,
        fx: &mut Effects,
        id: &str,
        to: Progress,
        failure: Option<(i64, Option<String>)>,
    ) -> bool {
        match self.messages.get(id) {
            Some(message) if message.progress < to => self.post_status(fx, id, to, failure).is_ok(),
            _ => false,
        }
    }

    /// Posts a status whatever the message's state; its state never goes back.
    pub(crate) fn post_status(
        &mut self,
        fx: &mut Effects,
        id: &str,
        to: Progress,
        failure: Option<(i64, Option<String>)>,
    ) -> Result<(), UnknownObject> {
        let message = self
            .messages
            .get_mut(id)
            .ok_or_else(|| UnknownObject::new("message", id))?;
        message.progress = message.progress.max(to);
        if to == Progress::Failed {
            let (code, details) = failure.unwrap_or((131_000, None));
            message.error = Some(webhook_error(code, details.as_deref()));
        }
        let message = message.clone();
        let contact = self.contacts.get(&message.wa_id);
        let status = status_object(&message, contact, to, fx.now);
        // A failure comes without the contact.
        let contact = contact
            .filter(|_| to != Progress::Failed)
            .map(Contact::webhook);
        fx.tell(
            "status",
            json!({
                "phone_number_id": message.number_id,
                "wa_id": message.wa_id,
                "id": message.id,
                "progress": message.progress,
            }),
        );
        self.announce(
            fx,
            &message.number_id,
            &message.wa_id,
            Change::Status { contact, status },
        );
        Ok(())
    }

    /// The phone opens a chat: everything delivered becomes read.
    pub(crate) fn phone_reads(&mut self, fx: &mut Effects, wa_id: &str, number_id: &str) {
        let Some(thread) = self.contacts.thread_mut(wa_id, number_id) else {
            return;
        };
        thread.unread = 0;
        let recent: Vec<String> = thread.messages.iter().rev().take(200).cloned().collect();
        for id in recent.iter().rev() {
            let is_waiting = self.messages.get(id).is_some_and(|message| {
                message.direction == Direction::Outbound && message.progress == Progress::Delivered
            });
            if is_waiting {
                self.advance(fx, id, Progress::Read, None);
            }
        }
    }

    /// The phone is switched on: what waited at one tick arrives.
    pub(crate) fn phone_returns(&mut self, fx: &mut Effects, wa_id: &str) {
        let Some(contact) = self.contacts.get(wa_id) else {
            return;
        };
        let waiting: Vec<String> = contact
            .threads
            .values()
            .flat_map(|thread| thread.messages.iter().cloned())
            .collect();
        for id in waiting {
            let is_sent = self
                .messages
                .get(&id)
                .is_some_and(|message| message.progress == Progress::Sent);
            if is_sent {
                self.schedule
                    .plan(fx.instant, &id, Progress::Delivered, None);
            }
        }
    }

    /// The business read a message, and perhaps shows that it types.
    pub(crate) fn business_reads(
        &mut self,
        fx: &mut Effects,
        number_id: &str,
        id: &str,
        typing: bool,
    ) -> Result<(), UnknownObject> {
        let unknown = || UnknownObject::new("message", id);
        let message = self.messages.get(id).ok_or_else(unknown)?;
        if message.number_id != number_id || message.direction != Direction::Inbound {
            return Err(unknown());
        }
        let (wa_id, upto) = (message.wa_id.clone(), message.sequence);
        let mut marked = Vec::new();
        if let Some(thread) = self.contacts.thread_mut(&wa_id, number_id) {
            if typing {
                thread.typing_until = Some(fx.now + TimeDelta::seconds(25));
            }
            marked.extend(thread.messages.iter().rev().take(200).cloned());
        }
        for id in marked {
            if let Some(message) = self.messages.get_mut(&id)
                && message.direction == Direction::Inbound
                && message.sequence <= upto
                && message.progress < Progress::Read
            {
                message.progress = Progress::Read;
                let news = json!({ "phone_number_id": number_id, "wa_id": wa_id, "id": id,
                    "progress": Progress::Read });
                fx.tell("status", news);
            }
        }
        if typing {
            fx.tell(
                "typing",
                json!({ "phone_number_id": number_id, "wa_id": wa_id }),
            );
        }
        Ok(())
    }

    /// Webhooks with these messages were acknowledged: two ticks on the phone.
    pub(crate) fn business_received(&mut self, fx: &mut Effects, ids: &[String]) {
        for id in ids {
            let Some(message) = self.messages.get_mut(id) else {
                continue;
            };
            if message.progress >= Progress::Delivered {
                continue;
            }
            message.progress = Progress::Delivered;
            fx.tell(
                "status",
                json!({
                    "phone_number_id": message.number_id,
                    "wa_id": message.wa_id,
                    "id": id,
                    "progress": message.progress,
                }),
            );
        }
    }
}

/// Element of `statuses[]`.
fn status_object(
    message: &Message,
    contact: Option<&Contact>,
    to: Progress,
    now: DateTime<Utc>,
) -> Value {
    let failed = to == Progress::Failed;
    let visible = contact.is_none_or(|contact| !contact.hide_phone);
    let user_id = contact.filter(|_| !failed || message.by_user_id);
    // A person's id is a phone number.
    let is_group = !message.wa_id.bytes().all(|byte| byte.is_ascii_digit());
    let price = message.price;
    let pricing = json!({
        "billable": price.billable,
        "pricing_model": "PMP",
        "type": price.kind,
        "category": price.category,
    });
    let fields = [
        Some(("id", json!(message.id))),
        Some(("status", json!(to.as_str()))),
        Some(("timestamp", json!(now.timestamp().to_string()))),
        (visible || !message.by_user_id && failed).then(|| ("recipient_id", json!(message.wa_id))),
        is_group.then(|| ("recipient_type", json!("group"))),
        user_id
            .filter(|_| !is_group)
            .map(|contact| ("recipient_user_id", json!(contact.user_id))),
        message
            .callback_data
            .as_ref()
            .map(|data| ("biz_opaque_callback_data", json!(data))),
        matches!(to, Progress::Sent | Progress::Delivered).then(|| ("pricing", pricing)),
        message
            .error
            .as_ref()
            .filter(|_| failed)
            .map(|error| ("errors", json!([error]))),
    ];
    let fields = fields.into_iter().flatten();
    Value::Object(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}
