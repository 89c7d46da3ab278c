//! The contract holds together: catalogue, protobuf names and tolerance of newer writers.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its case must fail"
)]

use std::collections::BTreeSet;

use chrono::DateTime;
use proptest::prelude::*;
use prost::{Message, Name};
use sb_events::catalogue::CATALOGUE;
use sb_events::proto::message::v1::{MessageReceived, MessageRef};
use sb_events::{Event, Origin, Topology, meta};
use sb_ids::{ConversationId, EventId, OrganizationId};

/// `message X {` blocks of the protos whose first field is an `EventMeta`.
fn declared_events() -> BTreeSet<String> {
    fn walk(dir: &std::path::Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let package = text
                .lines()
                .find_map(|l| l.strip_prefix("package "))
                .unwrap();
            let package = package.trim_end_matches(';');
            let mut current = "";
            for line in text.lines() {
                if let Some(name) = line.strip_prefix("message ") {
                    current = name.trim_end_matches(" {");
                } else if line.contains("EventMeta meta = 1;") {
                    found.insert(format!("{package}.{current}"));
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto")),
        &mut found,
    );
    found
}

#[test]
fn the_catalogue_lists_exactly_the_declared_events() {
    let listed: BTreeSet<String> = CATALOGUE.iter().map(|e| e.name.to_owned()).collect();
    assert_eq!(listed, declared_events());
}

fn received() -> MessageReceived {
    let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let conversation = ConversationId::new(at);
    MessageReceived {
        meta: Some(meta(
            EventId::new(at),
            at,
            OrganizationId::new(at),
            Origin::default(),
        )),
        message: Some(MessageRef {
            conversation_id: conversation.to_string(),
            ..MessageRef::default()
        }),
        content_type: "text".to_owned(),
        content_json: r#"{"type":"text","body":"hi"}"#.to_owned(),
        sent_at_us: 1,
        author_contact_id: String::new(),
        standby: false,
    }
}

#[test]
fn fields_of_a_newer_writer_are_ignored() {
    let event = received();
    let mut bytes = event.encode_to_vec();
    // Field 900, length-delimited, three bytes: unknown to this version.
    prost::encoding::encode_key(900, prost::encoding::WireType::LengthDelimited, &mut bytes);
    bytes.extend_from_slice(&[3, b'n', b'e', b'w']);
    assert_eq!(MessageReceived::decode(bytes.as_slice()).unwrap(), event);
}

#[test]
fn events_of_one_conversation_share_a_subject() {
    let topology = Topology::new("");
    let event = received();
    let again = MessageReceived {
        content_type: "image".to_owned(),
        ..event.clone()
    };
    assert_eq!(
        event.subject(&topology).unwrap(),
        again.subject(&topology).unwrap()
    );
    assert_eq!(
        MessageReceived::full_name(),
        "switchboard.message.v1.MessageReceived"
    );
}

proptest! {
    #[test]
    fn decoding_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = MessageReceived::decode(bytes.as_slice());
    }
}
