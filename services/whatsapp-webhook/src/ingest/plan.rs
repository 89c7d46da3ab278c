//! Reading posts into units of work. No IO: what cannot be read becomes a unit too.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use prost::Message;
use sb_bus::DeliveredItem;
use sb_cloud_api::webhook::{
    Change, ContactProfile, Envelope, InboundMessage, MessagesValue, StatusUpdate, decode,
};
use sb_domain::delivery::ReportedStatus;
use sb_events::proto::update::v1::RawPost;
use sb_events::{from_micros, uuid_field};
use sb_ids::{MessageId, PostId};
use serde_json::value::RawValue;

/// Longest piece that is kept in quarantine, in characters; the whole post stays in `UPDATES`.
const PAYLOAD_MAX: usize = 200_000;

/// Where a unit comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) post: PostId,
    pub(crate) app_id: String,
    pub(crate) received_at: DateTime<Utc>,
    /// The envelope's place in `UPDATES`.
    pub(crate) sequence: i64,
}

/// One update of a post.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) source: Arc<Source>,
    /// `entry[0].changes[1].messages[2]`.
    pub(crate) place: String,
    /// The account the entry names.
    pub(crate) waba_id: String,
    pub(crate) update: Update,
}

/// What an update is.
#[derive(Debug, Clone)]
pub(crate) enum Update {
    Incoming(Incoming),
    Reported(Reported),
    /// A field or piece without a meaning yet.
    Kept {
        phone_number_id: Option<String>,
        field: String,
        payload_json: String,
    },
    /// Not readable, or not storable.
    Rejected {
        reason: &'static str,
        payload: String,
    },
}

/// A message from a contact.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) phone_number_id: String,
    pub(crate) wamid: String,
    pub(crate) wa_id: Option<String>,
    pub(crate) bsuid: Option<String>,
    pub(crate) profile_name: Option<String>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) content_type: &'static str,
    pub(crate) content_json: String,
    /// The message as Meta sent it, for quarantine.
    pub(crate) raw_json: String,
}

/// A status of a message of ours.
#[derive(Debug, Clone)]
pub(crate) struct Reported {
    pub(crate) phone_number_id: String,
    pub(crate) wamid: String,
    pub(crate) status: String,
    pub(crate) known: Option<ReportedStatus>,
    /// Our message's id, when Meta echoed one.
    pub(crate) echoed: Option<MessageId>,
    pub(crate) recipient: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) raw_json: String,
    /// `meta.<code>`, or empty.
    pub(crate) error_code: String,
    pub(crate) error_json: String,
}

/// Reads a batch.
pub(crate) fn read(batch: &[DeliveredItem]) -> Vec<Unit> {
    let mut units = Vec::with_capacity(batch.len());
    for item in batch {
        let before = units.len();
        let read = catch_unwind(AssertUnwindSafe(|| read_item(item, &mut units)));
        if read.is_err() {
            // A bug of ours in one post must not hold up the others; the post stays in `UPDATES`.
            units.truncate(before);
            tracing::error!(
                stream.sequence = item.stream_sequence,
                "reading a post panicked"
            );
            reject_item(item, &mut units);
        }
    }
    units
}

/// Puts a whole post aside.
fn reject_item(item: &DeliveredItem, units: &mut Vec<Unit>) {
    let Ok(post) = RawPost::decode(item.item.payload.clone()) else {
        return;
    };
    let Ok(id) = uuid_field::<PostId>("post_id", &post.post_id) else {
        return;
    };
    let source = Arc::new(Source {
        post: id,
        app_id: post.app_id,
        received_at: from_micros(post.received_at_us),
        sequence: i64::try_from(item.stream_sequence).unwrap_or(i64::MAX),
    });
    let body = String::from_utf8_lossy(&post.body).into_owned();
    PostReader { source, units }.reject("post".to_owned(), "", "post.panicked", &body);
}

fn read_item(item: &DeliveredItem, units: &mut Vec<Unit>) {
    let sequence = i64::try_from(item.stream_sequence).unwrap_or(i64::MAX);
    let post = match RawPost::decode(item.item.payload.clone()) {
        Ok(post) => post,
        // Only a bug or another writer puts this on the stream; the bytes stay there.
        Err(error) => {
            tracing::error!(stream.sequence = sequence, %error, "a raw post does not decode");
            return;
        }
    };
    let Ok(id) = uuid_field::<PostId>("post_id", &post.post_id) else {
        tracing::error!(stream.sequence = sequence, "a raw post has no id");
        return;
    };
    let source = Arc::new(Source {
        post: id,
        app_id: post.app_id,
        received_at: from_micros(post.received_at_us),
        sequence,
    });
    PostReader { source, units }.read(&post.body);
}

struct PostReader<'u> {
    source: Arc<Source>,
    units: &'u mut Vec<Unit>,
}

fn clipped(text: &str) -> String {
    // PostgreSQL's text holds everything but NUL.
    text.chars()
        .filter(|c| *c != '\0')
        .take(PAYLOAD_MAX)
        .collect()
}

impl PostReader<'_> {
    fn push(&mut self, place: String, waba_id: &str, update: Update) {
        let source = Arc::clone(&self.source);
        self.units.push(Unit {
            source,
            place,
            waba_id: waba_id.to_owned(),
            update,
        });
    }

    fn reject(&mut self, place: String, waba_id: &str, reason: &'static str, payload: &str) {
        self.push(
            place,
            waba_id,
            Update::Rejected {
                reason,
                payload: clipped(payload),
            },
        );
    }

    fn read(&mut self, body: &[u8]) {
        let Ok(text) = decode(body) else {
            let lossy = String::from_utf8_lossy(body);
            return self.reject("post".to_owned(), "", "post.not_utf8", &lossy);
        };
        let Ok(envelope) = Envelope::parse(&text) else {
            return self.reject("post".to_owned(), "", "json.malformed", &text);
        };
        for (index, piece) in envelope.malformed.iter().enumerate() {
            let place = format!("malformed[{index}]");
            self.reject(place, &piece.entry_id, "change.malformed", piece.raw.get());
        }
        for (entry_index, entry) in envelope.entry.iter().enumerate() {
            for (change_index, change) in entry.changes.iter().enumerate() {
                let place = format!("entry[{entry_index}].changes[{change_index}]");
                self.read_change(&place, &entry.id, change);
            }
        }
    }

    fn read_change(&mut self, place: &str, waba_id: &str, change: &Change<'_>) {
        if change.field != "messages" {
            return self.keep(place.to_owned(), waba_id, None, &change.field, change.value);
        }
        let Ok(value) = change.messages() else {
            return self.reject(
                place.to_owned(),
                waba_id,
                "value.malformed",
                change.value.get(),
            );
        };
        let number = value.metadata.phone_number_id.as_str().to_owned();
        let names = names(&value);
        for (index, raw) in value.messages.iter().enumerate() {
            self.read_message(
                format!("{place}.messages[{index}]"),
                waba_id,
                &number,
                raw,
                &names,
            );
        }
        for (index, raw) in value.statuses.iter().enumerate() {
            self.read_status(format!("{place}.statuses[{index}]"), waba_id, &number, raw);
        }
        let kept = [
            ("errors", &value.errors),
            ("user_actions", &value.user_actions),
        ];
        for (name, pieces) in kept {
            for (index, raw) in pieces.iter().enumerate() {
                let place = format!("{place}.{name}[{index}]");
                self.keep(
                    place,
                    waba_id,
                    Some(&number),
                    &format!("messages.{name}"),
                    raw,
                );
            }
        }
    }

    fn keep(
        &mut self,
        place: String,
        waba_id: &str,
        number: Option<&str>,
        field: &str,
        raw: &RawValue,
    ) {
        let update = Update::Kept {
            phone_number_id: number.map(str::to_owned),
            field: clipped(field),
            payload_json: raw.get().to_owned(),
        };
        self.push(place, waba_id, update);
    }

    fn read_message(
        &mut self,
        place: String,
        waba_id: &str,
        number: &str,
        raw: &RawValue,
        names: &HashMap<String, String>,
    ) {
        let Ok(message) = InboundMessage::parse(raw) else {
            return self.reject(place, waba_id, "message.malformed", raw.get());
        };
        let wa_id = message.from.as_ref().map(|id| id.as_str().to_owned());
        let bsuid = message
            .from_user_id
            .as_ref()
            .map(|id| id.as_str().to_owned());
        if wa_id.is_none() && bsuid.is_none() {
            // System messages about a changed identity name no sender.
            return self.keep(place, waba_id, Some(number), "messages.system", raw);
        }
        let profile_name = [&wa_id, &bsuid]
            .into_iter()
            .flatten()
            .find_map(|id| names.get(id))
            .cloned();
        let content = message.content();
        let content_type = content.type_name();
        let Ok(content_json) = serde_json::to_string(&content) else {
            return self.reject(place, waba_id, "message.unwritable", raw.get());
        };
        let update = Update::Incoming(Incoming {
            phone_number_id: number.to_owned(),
            wamid: message.id.as_str().to_owned(),
            wa_id,
            bsuid,
            profile_name,
            at: message.timestamp,
            content_type,
            content_json,
            raw_json: raw.get().to_owned(),
        });
        self.push(place, waba_id, update);
    }

    fn read_status(&mut self, place: String, waba_id: &str, number: &str, raw: &RawValue) {
        let Ok(status) = StatusUpdate::parse(raw) else {
            return self.reject(place, waba_id, "status.malformed", raw.get());
        };
        let participant = status
            .participant_id
            .as_ref()
            .map(|id| id.as_str().to_owned());
        let participant = participant.or_else(|| {
            status
                .participant_user_id
                .as_ref()
                .map(|id| id.as_str().to_owned())
        });
        let error = status.errors().into_iter().next();
        let update = Update::Reported(Reported {
            phone_number_id: number.to_owned(),
            wamid: status.id.as_str().to_owned(),
            known: status.reported(),
            echoed: status
                .callback_data
                .as_deref()
                .and_then(|id| MessageId::parse(id).ok()),
            recipient: participant.unwrap_or_default(),
            at: status.timestamp,
            error_code: error.as_ref().map_or_else(String::new, |e| {
                e.code
                    .map_or_else(|| "meta.unknown".to_owned(), |code| format!("meta.{code}"))
            }),
            error_json: error.map_or_else(|| "null".to_owned(), |e| e.raw.to_string()),
            status: clipped(&status.status),
            raw_json: raw.get().to_owned(),
        });
        self.push(place, waba_id, update);
    }
}

/// Profile names by each id of the person.
fn names(value: &MessagesValue<'_>) -> HashMap<String, String> {
    let mut names = HashMap::with_capacity(value.contacts.len());
    for raw in &value.contacts {
        let Ok(profile) = ContactProfile::parse(raw) else {
            // Without its name the message is as good.
            continue;
        };
        let Some(name) = profile
            .name
            .as_deref()
            .map(clipped)
            .filter(|name| !name.is_empty())
        else {
            continue;
        };
        if let Some(id) = &profile.wa_id {
            names.insert(id.as_str().to_owned(), name.clone());
        }
        if let Some(id) = &profile.user_id {
            names.insert(id.as_str().to_owned(), name);
        }
    }
    names
}
