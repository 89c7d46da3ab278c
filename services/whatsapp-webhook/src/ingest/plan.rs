//! Reading posts into units of work. No IO: what cannot be read becomes a unit too.

mod elsewhere;
mod fields;
mod messages;
mod people;
mod unit;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::DateTime;
use prost::Message;
use sb_bus::DeliveredItem;
use sb_cloud_api::webhook::{Change, Envelope, decode};
use sb_events::proto::update::v1::RawPost;
use sb_events::{from_micros, uuid_field};
use sb_ids::PostId;
use serde_json::value::RawValue;

use super::replays;

pub(crate) use unit::{Changed, Fact, Kept, Plan, Reported, Shown, Source, Unit, Update, Written};

/// Longest piece that is kept in quarantine, in characters; the whole post stays in `UPDATES`.
const PAYLOAD_MAX: usize = 200_000;

/// Reads a batch.
pub(crate) fn read(batch: &[DeliveredItem]) -> Plan {
    let mut plan = Plan {
        units: Vec::with_capacity(batch.len()),
        replayed: Vec::new(),
    };
    for item in batch {
        let (units, replayed) = (plan.units.len(), plan.replayed.len());
        let read = catch_unwind(AssertUnwindSafe(|| read_item(item, &mut plan)));
        if read.is_err() {
            // A bug of ours in one post must not hold up the others; the post stays in `UPDATES`.
            plan.units.truncate(units);
            plan.replayed.truncate(replayed);
            tracing::error!(
                stream.sequence = item.stream_sequence,
                "reading a post panicked"
            );
            reject_item(item, &mut plan);
        }
    }
    plan
}

/// Puts a whole post aside.
fn reject_item(item: &DeliveredItem, plan: &mut Plan) {
    let Ok(post) = RawPost::decode(item.item.payload.clone()) else {
        return;
    };
    let Ok(id) = uuid_field::<PostId>("post_id", &post.post_id) else {
        return;
    };
    let body = String::from_utf8_lossy(&post.body).into_owned();
    let source = source(item, id, &post);
    let sequence = source.sequence;
    let units = &mut plan.units;
    PostReader { source, units }.reject("post".to_owned(), "", "post.panicked", &body);
    if let Some(replay) = &post.replay {
        plan.replayed
            .extend(replays::places(id, sequence, &replay.places));
    }
}

fn source(item: &DeliveredItem, id: PostId, post: &RawPost) -> Arc<Source> {
    Arc::new(Source {
        post: id,
        app_id: post.app_id.clone(),
        received_at: from_micros(post.received_at_us),
        sequence: i64::try_from(item.stream_sequence).unwrap_or(i64::MAX),
        is_replay: post.replay.is_some(),
        is_set_aside: post.replay.as_ref().is_some_and(|replay| replay.set_aside),
    })
}

fn read_item(item: &DeliveredItem, plan: &mut Plan) {
    let sequence = item.stream_sequence;
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
    let source = source(item, id, &post);
    let sequence = source.sequence;
    let units = &mut plan.units;
    let before = units.len();
    PostReader { source, units }.read(&post.body);
    if let Some(replay) = &post.replay {
        replays::narrow(units, before, &replay.places);
        plan.replayed
            .extend(replays::places(id, sequence, &replay.places));
    }
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

/// Where in a post something is, and whose it is.
#[derive(Clone, Copy)]
struct Place<'p> {
    path: &'p str,
    waba_id: &'p str,
    /// When the entry says it happened, in unix seconds.
    time: Option<i64>,
    /// Meta's name of the field.
    field: &'p str,
}

impl Place<'_> {
    fn item(&self, list: &str, index: usize) -> String {
        format!("{}.{list}[{index}]", self.path)
    }
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
        self.reject_of(place, (waba_id, None), reason, payload);
    }

    /// Puts a piece aside of which at least the number can be read.
    fn reject_of(
        &mut self,
        place: String,
        (waba_id, number): (&str, Option<&str>),
        reason: &'static str,
        payload: &str,
    ) {
        let update = Update::Rejected {
            reason,
            payload: clipped(payload),
            phone_number_id: number.map(str::to_owned),
        };
        self.push(place, waba_id, update);
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
                let path = format!("entry[{entry_index}].changes[{change_index}]");
                let place = Place {
                    path: &path,
                    waba_id: &entry.id,
                    time: entry.time,
                    field: &change.field,
                };
                self.read_change(place, change);
            }
        }
    }

    fn read_change(&mut self, place: Place<'_>, change: &Change<'_>) {
        let before = self.units.len();
        self.read_value(place, change);
        // Nothing that is known is in it: kept whole, like any field that is not known. A standby may be empty.
        if self.units.len() == before && change.field != "standby" {
            self.keep(place, place.path.to_owned(), None, ("", change.value, None));
        }
    }

    fn read_value(&mut self, place: Place<'_>, change: &Change<'_>) {
        match change.field.as_ref() {
            "messages" => self.read_messages(place, change),
            "smb_message_echoes" | "message_echoes" => self.read_echoes(place, change.value),
            "history" => self.read_history(place, change.value),
            "standby" => self.read_standby(place, change.value),
            "calls" => self.read_calls(place, change.value),
            "user_preferences" | "smb_app_state_sync" | "user_id_update" => {
                self.read_people(place, change.value);
            }
            "group_lifecycle_update"
            | "group_participants_update"
            | "group_participant_update"
            | "group_settings_update"
            | "group_status_update" => self.read_groups(place, change.value),
            _ => self.read_field(place, change.value),
        }
    }

    /// Keeps a piece with what it means.
    fn keep(
        &mut self,
        place: Place<'_>,
        path: String,
        number: Option<&str>,
        (list, raw, fact): (&str, &RawValue, Option<Fact>),
    ) {
        let field = if list.is_empty() {
            clipped(place.field)
        } else {
            format!("{}.{list}", clipped(place.field))
        };
        let told_at = fact.as_ref().and_then(fields::told_at);
        let entry_at = place
            .time
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let update = Update::Kept(Kept {
            phone_number_id: number.map(str::to_owned),
            field,
            payload_json: raw.get().to_owned(),
            at: told_at.or(entry_at).unwrap_or(self.source.received_at),
            entry_time: place.time,
            fact,
        });
        self.push(path, place.waba_id, update);
    }
}
