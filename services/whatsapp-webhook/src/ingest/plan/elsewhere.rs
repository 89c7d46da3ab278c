//! What was written without us: on the business's own phone, before the number was connected, or by whoever owns
//! the conversation now.

use sb_cloud_api::webhook::fields::{History, HistoryThread, Standby, StandbyEcho};
use sb_cloud_api::webhook::{InboundMessage, MessagesValue, content_of_body};
use sb_db::ingest::MessageSource;
use sb_domain::content::Direction;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::messages::Writing;
use super::people::{Names, addressee, ids, names, sender};
use super::unit::{Fact, Shown, Update, Written};
use super::{Place, PostReader};

/// Lists that a value has beside those of `messages`.
#[derive(Deserialize)]
struct Lists<'a> {
    #[serde(borrow, default)]
    message_echoes: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    history: Option<Vec<&'a RawValue>>,
}

impl PostReader<'_> {
    pub(super) fn read_echoes(&mut self, place: Place<'_>, raw: &RawValue) {
        let (Ok(value), Ok(lists)) = (
            MessagesValue::parse(raw),
            serde_json::from_str::<Lists<'_>>(raw.get()),
        ) else {
            let path = place.path.to_owned();
            return self.reject(path, place.waba_id, "value.malformed", raw.get());
        };
        let names = names(&value.contacts);
        let writing = Writing {
            number: value.metadata.phone_number_id.as_str(),
            shown: &value.metadata.display_phone_number,
            source: MessageSource::Echo,
            names: &names,
        };
        self.read_echo_list(place, writing, &lists.message_echoes.unwrap_or_default());
    }

    fn read_echo_list(&mut self, place: Place<'_>, writing: Writing<'_>, echoes: &[&RawValue]) {
        for (index, raw) in echoes.iter().enumerate() {
            let path = place.item("message_echoes", index);
            let Ok(message) = InboundMessage::parse(raw) else {
                self.reject_of(
                    path,
                    (place.waba_id, Some(writing.number)),
                    "message.malformed",
                    raw.get(),
                );
                continue;
            };
            if let Some(change) = message.change() {
                self.push_change(place, path, writing.number, (&message, change));
                continue;
            }
            let to = Shown::of(addressee(&message), writing.names);
            // To a group nobody in particular is written.
            let is_in_group = message.group_id.is_some();
            let Some(person) = to.or_else(|| is_in_group.then(Shown::default)) else {
                self.reject_of(
                    path,
                    (place.waba_id, Some(writing.number)),
                    "message.no_addressee",
                    raw.get(),
                );
                continue;
            };
            let sent = (writing, person, Direction::Outgoing, "sent");
            self.push_written(place, path, &message, sent);
        }
    }

    pub(super) fn read_history(&mut self, place: Place<'_>, raw: &RawValue) {
        let (Ok(value), Ok(lists)) = (
            MessagesValue::parse(raw),
            serde_json::from_str::<Lists<'_>>(raw.get()),
        ) else {
            let path = place.path.to_owned();
            return self.reject(path, place.waba_id, "value.malformed", raw.get());
        };
        let names = names(&value.contacts);
        let writing = Writing {
            number: value.metadata.phone_number_id.as_str(),
            shown: &value.metadata.display_phone_number,
            source: MessageSource::History,
            names: &names,
        };
        for (index, chunk) in lists.history.unwrap_or_default().iter().enumerate() {
            let path = place.item("history", index);
            match History::parse(chunk) {
                Ok(history) => self.read_chunk(place, &path, writing, &history),
                Err(_) => self.reject_of(
                    path,
                    (place.waba_id, Some(writing.number)),
                    "history.malformed",
                    chunk.get(),
                ),
            }
        }
        // Files of the past come later, outside of their threads.
        for (index, raw) in value.messages.iter().enumerate() {
            self.read_message(place, place.item("messages", index), writing, raw);
        }
        self.read_echo_list(place, writing, &lists.message_echoes.unwrap_or_default());
    }

    fn read_chunk(
        &mut self,
        place: Place<'_>,
        path: &str,
        writing: Writing<'_>,
        history: &History<'_>,
    ) {
        let error = history
            .errors
            .first()
            .and_then(|raw| serde_json::from_str(raw.get()).ok());
        if history.progress.is_some() || error.is_some() {
            let fact = Fact::HistoryProgress {
                progress: history.progress,
                error,
            };
            let summary = serde_json::json!({
                "phase": history.phase,
                "chunk_order": history.chunk_order,
                "progress": history.progress,
                "threads": history.threads.len(),
            });
            let summary = serde_json::value::to_raw_value(&summary).unwrap_or_default();
            let number = Some(writing.number);
            self.keep(
                place,
                path.to_owned(),
                number,
                ("progress", &summary, Some(fact)),
            );
        }
        for (index, thread) in history.threads.iter().enumerate() {
            let inner = format!("{path}.threads[{index}]");
            self.read_thread(place, &inner, writing, thread);
        }
    }

    fn read_thread(
        &mut self,
        place: Place<'_>,
        path: &str,
        writing: Writing<'_>,
        thread: &HistoryThread<'_>,
    ) {
        for (index, raw) in thread.messages.iter().enumerate() {
            let path = format!("{path}.messages[{index}]");
            let Ok(message) = InboundMessage::parse(raw) else {
                self.reject_of(
                    path,
                    (place.waba_id, Some(writing.number)),
                    "message.malformed",
                    raw.get(),
                );
                continue;
            };
            if let Some(change) = message.change() {
                self.push_change(place, path, writing.number, (&message, change));
                continue;
            }
            let from = message.from.as_ref().map(sb_ids::WaId::as_str);
            let is_ours = message.to.is_some()
                || message.to_user_id.is_some()
                || from == Some(writing.shown.trim_start_matches('+'));
            let thread = ids(thread.wa_id.as_ref(), thread.user_id.as_ref(), None);
            let named = if is_ours {
                addressee(&message)
            } else {
                sender(&message)
            };
            let shown = Shown::of(thread, writing.names);
            let Some(person) = shown.or_else(|| Shown::of(named, writing.names)) else {
                self.reject_of(
                    path,
                    (place.waba_id, Some(writing.number)),
                    "message.no_addressee",
                    raw.get(),
                );
                continue;
            };
            let (direction, state) = if is_ours {
                (
                    Direction::Outgoing,
                    past_state(message.history_status().as_deref()),
                )
            } else {
                (Direction::Incoming, "received")
            };
            self.push_written(place, path, &message, (writing, person, direction, state));
        }
    }

    pub(super) fn read_standby(&mut self, place: Place<'_>, raw: &RawValue) {
        let Ok(standby) = Standby::parse(raw) else {
            let path = place.path.to_owned();
            return self.reject(path, place.waba_id, "value.malformed", raw.get());
        };
        let names = names(&standby.contacts);
        let writing = Writing {
            number: standby.metadata.phone_number_id.as_str(),
            shown: &standby.metadata.display_phone_number,
            source: MessageSource::Standby,
            names: &names,
        };
        for (index, raw) in standby.messages.iter().enumerate() {
            self.read_message(place, place.item("messages", index), writing, raw);
        }
        for (index, raw) in standby.message_echoes.iter().enumerate() {
            self.read_standby_echo(place, place.item("message_echoes", index), writing, raw);
        }
        for (index, raw) in standby.statuses.iter().enumerate() {
            self.read_status(place, place.item("statuses", index), writing.number, raw);
        }
    }

    fn read_standby_echo(
        &mut self,
        place: Place<'_>,
        path: String,
        writing: Writing<'_>,
        raw: &RawValue,
    ) {
        let Ok(echo) = StandbyEcho::parse(raw) else {
            return self.reject_of(
                path,
                (place.waba_id, Some(writing.number)),
                "message.malformed",
                raw.get(),
            );
        };
        let content = content_of_body(echo.body);
        let person = person_of(&echo, writing.names);
        let Ok(content_json) = serde_json::to_string(&content) else {
            return self.reject_of(
                path,
                (place.waba_id, Some(writing.number)),
                "message.unwritable",
                raw.get(),
            );
        };
        let update = Update::Written(Written {
            phone_number_id: writing.number.to_owned(),
            wamid: echo.id.as_str().to_owned(),
            person,
            group: None,
            direction: Direction::Outgoing,
            message_source: writing.source,
            state: "sent",
            at: echo.timestamp,
            content_type: content.type_name(),
            content_json,
            raw_json: raw.get().to_owned(),
        });
        self.push(path, place.waba_id, update);
    }
}

fn person_of(echo: &StandbyEcho<'_>, names: &Names) -> Shown {
    let to = ids(echo.to.as_ref(), echo.to_user_id.as_ref(), None);
    Shown::of(to, names).unwrap_or_default()
}

/// How far a message of the past had come.
///
/// # Source
/// Meta, "history webhook", 2026.
fn past_state(word: Option<&str>) -> &'static str {
    match word.unwrap_or_default().to_ascii_uppercase().as_str() {
        "DELIVERED" => "delivered",
        "READ" => "read",
        "PLAYED" => "played",
        "ERROR" => "failed",
        "PENDING" => "accepted",
        _ => "sent",
    }
}
