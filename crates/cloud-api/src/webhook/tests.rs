//! The parsers on whole posts: recorded shapes, cut and garbled ones.

use proptest::prelude::*;
use sb_domain::content::Part;
use serde_json::{Value, json, value::RawValue};

use super::*;

/// What a full pass over a post finds.
#[derive(Debug, Default, PartialEq)]
struct Found {
    changes: usize,
    messages: usize,
    statuses: usize,
    contacts: usize,
    malformed: Vec<&'static str>,
}

impl Found {
    fn read<T>(
        &mut self,
        items: &[&RawValue],
        parse: impl Fn(&RawValue) -> Result<T, Malformed>,
    ) -> usize {
        let mut good = 0;
        for item in items {
            match parse(item) {
                Ok(_) => good += 1,
                Err(error) => self.malformed.push(error.what),
            }
        }
        good
    }
}

/// Reads everything there is, as ingest does.
fn walk(body: &[u8]) -> Result<Found, Malformed> {
    let text = decode(body)?;
    let envelope = Envelope::parse(&text)?;
    let mut found = Found::default();
    found
        .malformed
        .extend(envelope.malformed.iter().map(|piece| piece.error.what));
    for (_, change) in envelope.changes() {
        found.changes += 1;
        if change.field != "messages" {
            continue;
        }
        let value = match change.messages() {
            Ok(value) => value,
            Err(error) => {
                found.malformed.push(error.what);
                continue;
            }
        };
        found.contacts += found.read(&value.contacts, ContactProfile::parse);
        found.messages += found.read(&value.messages, |raw| {
            InboundMessage::parse(raw).map(|message| (message.content(), message.errors()))
        });
        found.statuses += found.read(&value.statuses, |raw| {
            StatusUpdate::parse(raw).map(|status| (status.reported(), status.errors()))
        });
    }
    Ok(found)
}

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    all.sort();
    all
}

fn fixture(name: &str) -> Vec<u8> {
    let found = fixtures().into_iter().find(|(file, _)| file == name);
    found.unwrap().1
}

#[test]
fn every_recorded_shape_is_read_without_loss() {
    let expected = [
        ("batch_of_accounts.json", 4, 0, 0, 0),
        ("every_type.json", 1, 12, 0, 1),
        ("statuses.json", 1, 0, 3, 1),
        ("text.json", 1, 1, 0, 1),
        ("text_reply_with_referral.json", 1, 2, 0, 1),
    ];
    let fixtures = fixtures();
    assert_eq!(
        fixtures.len(),
        expected.len(),
        "each file has its line here"
    );
    for ((name, body), (file, changes, messages, statuses, contacts)) in
        fixtures.iter().zip(expected)
    {
        assert_eq!(name, file);
        let malformed = Vec::new();
        let wanted = Found {
            changes,
            messages,
            statuses,
            contacts,
            malformed,
        };
        assert_eq!(walk(body), Ok(wanted), "{name}");
    }
}

#[test]
fn types_that_are_not_interpreted_are_kept_as_received() {
    let body = fixture("every_type.json");
    let text = decode(&body).unwrap();
    let envelope = Envelope::parse(&text).unwrap();
    let value = envelope.entry[0].changes[0].messages().unwrap();
    let kinds: Vec<String> = value
        .messages
        .iter()
        .map(|raw| {
            let message = InboundMessage::parse(raw).unwrap();
            let content = message.content();
            if let Part::Raw {
                meta_type,
                raw: kept,
            } = &content.part
            {
                assert_eq!(meta_type, &message.kind);
                assert_eq!(kept, &serde_json::from_str::<Value>(raw.get()).unwrap());
            }
            content.type_name().to_owned()
        })
        .collect();
    let raw: Vec<_> = kinds.iter().filter(|kind| *kind == "raw").collect();
    assert_eq!(raw, ["raw"; 3], "edits, revocations, and what nobody knows");
}

#[test]
fn one_bad_message_in_a_thousand_is_alone() {
    let mut messages: Vec<Value> = (0..1_000)
        .map(|n| json!({"id": format!("wamid.{n}"), "from": "1650", "timestamp": "1", "type": "text", "text": {"body": "x"}}))
        .collect();
    messages[500] = json!({"id": {"not": "an id"}});
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [
        {"field": "messages", "value": {"metadata": {"phone_number_id": "1"}, "messages": messages}}]}]});
    let found = walk(body.to_string().as_bytes()).unwrap();
    assert_eq!(found.messages, 999);
    assert_eq!(found.malformed, ["message"]);
}

#[test]
fn a_cut_emoji_and_a_zero_do_not_cost_the_message() {
    let body = String::from_utf8(fixture("text.json")).unwrap();
    let body = body.replace("caf\\u00e9", "caf\\u0000\\ud83d");
    assert_eq!(walk(body.as_bytes()).unwrap().messages, 1);
}

#[test]
fn every_truncation_of_a_post_is_refused_as_a_whole() {
    let body = fixture("text.json");
    let body = body.trim_ascii_end();
    for end in 0..body.len() {
        let error = walk(&body[..end]).unwrap_err();
        assert_eq!(error.problem, Problem::Truncated, "{end}");
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = walk(&body);
    }

    #[test]
    fn garbled_posts_never_panic_and_errors_never_quote(
        pick in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let fixtures = fixtures();
        let (_, mut body) = fixtures[pick.index(fixtures.len())].clone();
        for (at, byte) in edits {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Err(error) = walk(&body) {
            prop_assert!(!error.to_string().contains("16505551234"));
        }
    }

    #[test]
    fn text_survives_metas_escaping(words in "\\PC{1,80}") {
        let body = json!({"object": "o", "entry": [{"id": "1", "changes": [{"field": "messages", "value":
            {"metadata": {"phone_number_id": "1"}, "messages": [
                {"id": "wamid.1", "timestamp": "1", "type": "text", "text": {"body": words}}]}}]}]});
        let body = crate::escape::to_bytes(&body).unwrap();
        let text = decode(&body).unwrap();
        let envelope = Envelope::parse(&text).unwrap();
        let value = envelope.entry[0].changes[0].messages().unwrap();
        let content = InboundMessage::parse(value.messages[0]).unwrap().content();
        prop_assert_eq!(content.words(), Some(words.as_str()));
    }
}
