//! The field `messages`: what contacts write, and reports about what we wrote.

use sb_cloud_api::webhook::{Change, InboundMessage, MessageChange, StatusUpdate};
use sb_db::ingest::MessageSource;
use sb_domain::content::Direction;
use sb_domain::identity::Ids;
use sb_ids::{Bsuid, MessageId, WaId};
use serde_json::value::RawValue;

use super::people::{Names, ids, names, noticed, sender};
use super::unit::{Changed, Fact, Reported, Shown, Update, Written};
use super::{Place, PostReader, clipped};

/// Whose message it is and how it came.
#[derive(Clone, Copy)]
pub(super) struct Writing<'w> {
    pub(super) number: &'w str,
    /// The number in digits.
    pub(super) shown: &'w str,
    pub(super) source: MessageSource,
    pub(super) names: &'w Names,
}

impl PostReader<'_> {
    pub(super) fn read_messages(&mut self, place: Place<'_>, change: &Change<'_>) {
        let Ok(value) = change.messages() else {
            let path = place.path.to_owned();
            return self.reject(path, place.waba_id, "value.malformed", change.value.get());
        };
        let number = value.metadata.phone_number_id.as_str();
        let names = names(&value.contacts);
        let writing = Writing {
            number,
            shown: &value.metadata.display_phone_number,
            source: MessageSource::Live,
            names: &names,
        };
        for (index, raw) in value.messages.iter().enumerate() {
            self.read_message(place, place.item("messages", index), writing, raw);
        }
        for (index, raw) in value.statuses.iter().enumerate() {
            self.read_status(place, place.item("statuses", index), number, raw);
        }
        let kept = [
            ("errors", &value.errors),
            ("user_actions", &value.user_actions),
        ];
        for (list, pieces) in kept {
            for (index, raw) in pieces.iter().enumerate() {
                let path = place.item(list, index);
                self.keep(place, path, Some(number), (list, raw, Some(Fact::Notice)));
            }
        }
    }

    /// A message of a contact, or what it does to an earlier one.
    pub(super) fn read_message(
        &mut self,
        place: Place<'_>,
        path: String,
        writing: Writing<'_>,
        raw: &RawValue,
    ) {
        let Ok(message) = InboundMessage::parse(raw) else {
            return self.reject_of(
                path,
                (place.waba_id, Some(writing.number)),
                "message.malformed",
                raw.get(),
            );
        };
        if let Some(change) = message.change() {
            return self.push_change(place, path, writing.number, (&message, change));
        }
        let person = if message.kind == "system" {
            noticed(&message)
        } else {
            Shown::of(sender(&message), writing.names)
        };
        let Some(person) = person else {
            // Neither sender nor the person a notice is about.
            if message.kind != "system" {
                return self.reject_of(
                    path,
                    (place.waba_id, Some(writing.number)),
                    "message.no_sender",
                    raw.get(),
                );
            }
            let fact = Some(Fact::Notice);
            return self.keep(place, path, Some(writing.number), ("messages", raw, fact));
        };
        self.push_written(
            place,
            path,
            &message,
            (writing, person, Direction::Incoming, "received"),
        );
    }

    /// A message as a row.
    pub(super) fn push_written(
        &mut self,
        place: Place<'_>,
        path: String,
        message: &InboundMessage<'_>,
        (writing, person, direction, state): (Writing<'_>, Shown, Direction, &'static str),
    ) {
        let content = message.content();
        let Ok(content_json) = serde_json::to_string(&content) else {
            return self.reject_of(
                path,
                (place.waba_id, Some(writing.number)),
                "message.unwritable",
                message.raw.get(),
            );
        };
        let update = Update::Written(Written {
            phone_number_id: writing.number.to_owned(),
            wamid: message.id.as_str().to_owned(),
            person,
            group: message.group_id.as_deref().map(clipped),
            direction,
            message_source: writing.source,
            state,
            at: message.timestamp,
            content_type: content.type_name(),
            content_json,
            raw_json: message.raw.get().to_owned(),
        });
        self.push(path, place.waba_id, update);
    }

    pub(super) fn push_change(
        &mut self,
        place: Place<'_>,
        path: String,
        number: &str,
        (message, change): (&InboundMessage<'_>, MessageChange),
    ) {
        let (original, content) = match change {
            MessageChange::Revoked { original } => (original, None),
            MessageChange::Edited { original, content } => {
                let Ok(json) = serde_json::to_string(&content) else {
                    let raw = message.raw.get();
                    return self.reject_of(
                        path,
                        (place.waba_id, Some(number)),
                        "message.unwritable",
                        raw,
                    );
                };
                (original, Some((content.type_name(), json)))
            }
        };
        let update = Update::Changed(Changed {
            phone_number_id: number.to_owned(),
            wamid: original.as_str().to_owned(),
            change_wamid: message.id.as_str().to_owned(),
            content,
            at: message.timestamp,
            raw_json: message.raw.get().to_owned(),
        });
        self.push(path, place.waba_id, update);
    }

    pub(super) fn read_status(
        &mut self,
        place: Place<'_>,
        path: String,
        number: &str,
        raw: &RawValue,
    ) {
        let Ok(status) = StatusUpdate::parse(raw) else {
            return self.reject_of(
                path,
                (place.waba_id, Some(number)),
                "status.malformed",
                raw.get(),
            );
        };
        let phone = status.participant_id.as_ref().map(WaId::as_str);
        let participant = phone.or_else(|| status.participant_user_id.as_ref().map(Bsuid::as_str));
        let update = Update::Reported(Reported {
            phone_number_id: number.to_owned(),
            wamid: status.id.as_str().to_owned(),
            known: status.reported(),
            echoed: status
                .callback_data
                .as_deref()
                .and_then(|id| MessageId::parse(id).ok()),
            recipient: participant.unwrap_or_default().to_owned(),
            recipient_ids: recipient_ids(&status),
            at: status.timestamp,
            status: clipped(&status.status),
            raw_json: raw.get().to_owned(),
        });
        self.push(path, place.waba_id, update);
    }
}

/// The recipient's ids, if there are several; in a group the participant's.
fn recipient_ids(status: &StatusUpdate<'_>) -> Option<Box<Ids>> {
    let (phone, user, parent) =
        if status.participant_id.is_some() || status.participant_user_id.is_some() {
            (&status.participant_id, &status.participant_user_id, &None)
        } else {
            (
                &status.recipient_id,
                &status.recipient_user_id,
                &status.recipient_parent_user_id,
            )
        };
    let ids = ids(phone.as_ref(), user.as_ref(), parent.as_ref());
    (ids.iter().count() > 1).then(|| Box::new(ids))
}
