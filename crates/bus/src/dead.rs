//! Dead letters: copies of what exhausted its tries, for people to look at and to publish again.

use std::error::Error;
use std::iter::successors;

use async_nats::HeaderMap;
use bytes::Bytes;
use sb_events::proto::bus::v1::Item;

use crate::envelope::{Packed, message_id, pack_items};
use crate::pull::Letter;
use crate::{Bus, PublishError};

/// The consumer that gave up.
const CONSUMER: &str = "Switchboard-Consumer";
/// Where the original was published.
const SUBJECT: &str = "Switchboard-Subject";
/// The original's place in its stream.
const SEQUENCE: &str = "Switchboard-Stream-Sequence";
/// How often it was delivered.
const DELIVERIES: &str = "Switchboard-Deliveries";
/// What happened the last time, with causes.
const ERROR: &str = "Switchboard-Error";
/// Set when the payload is the original message because it is not an envelope.
const MALFORMED: &str = "Switchboard-Malformed";
/// Longest error text.
const LONGEST_ERROR: usize = 1_024;

/// Copies items of one message to the dead letters of a consumer.
pub(crate) async fn bury(
    bus: &Bus,
    durable: &str,
    letter: &Letter,
    items: Vec<Item>,
    error: &str,
) -> Result<(), PublishError> {
    let subject = bus.topology().dead(durable);
    let headers = headers(durable, letter, error);
    for mut packed in pack_items(subject.as_str(), items) {
        packed.message_id = letter_id(durable, letter, &packed.message_id);
        bus.publisher().send(&packed, &headers).await?;
    }
    Ok(())
}

/// Copies a message that is not an envelope as it is.
pub(crate) async fn bury_whole(
    bus: &Bus,
    durable: &str,
    letter: &Letter,
    error: &str,
) -> Result<(), PublishError> {
    let mut headers = headers(durable, letter, error);
    headers.insert(MALFORMED, "envelope");
    let packed = Packed {
        subject: bus.topology().dead(durable).as_str().to_owned(),
        type_name: "malformed envelope".to_owned(),
        message_id: letter_id(durable, letter, "whole"),
        payload: Bytes::clone(&letter.payload),
        items: 1,
    };
    bus.publisher().send(&packed, &headers).await.map(|_| ())
}

/// The same letter, published twice, is stored once.
fn letter_id(durable: &str, letter: &Letter, what: &str) -> String {
    let sequence = letter.stream_sequence.to_string();
    message_id([durable, &sequence, what].into_iter().map(str::as_bytes))
}

fn headers(durable: &str, letter: &Letter, error: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONSUMER, durable);
    headers.insert(SUBJECT, letter.subject.as_str());
    headers.insert(SEQUENCE, letter.stream_sequence.to_string());
    headers.insert(DELIVERIES, letter.deliveries.to_string());
    headers.insert(ERROR, one_line(error));
    headers
}

/// A header ends at the first line break.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_ERROR)
        .collect()
}

/// An error with its causes, separated by colons.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes: Vec<String> = successors(Some(error), |error| Error::source(*error))
        .map(ToString::to_string)
        .collect();
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HandlerError;

    #[test]
    fn an_error_is_written_with_its_causes_on_one_line() {
        let error = HandlerError::retry(std::io::Error::other("line one\r\nline two"));
        assert_eq!(
            one_line(&chain(&error)),
            "handling failed: line one  line two"
        );
    }
}
