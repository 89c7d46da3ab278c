//! The outer shell of a webhook: entries and changes.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Malformed, MessagesValue, Problem, scalar};

/// A webhook's envelope; everything is borrowed from the body.
///
/// # Source
/// Meta, "Webhooks overview": one POST batches up to 1000 updates over entries and changes.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// `whatsapp_business_account` for everything of ours.
    pub object: Cow<'a, str>,
    /// One per account.
    pub entry: Vec<Entry<'a>>,
    /// Entries and changes that could not be read; the others are not affected.
    pub malformed: Vec<MalformedPiece<'a>>,
}

/// The changes of one account.
#[derive(Debug, Deserialize)]
pub struct Entry<'a> {
    /// The WABA's id; another object's id or `0` for some management fields.
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    pub id: Cow<'a, str>,
    /// Unix seconds, on management fields only.
    #[serde(default, deserialize_with = "scalar::integer")]
    pub time: Option<i64>,
    /// What changed.
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    pub changes: Vec<Change<'a>>,
}

/// One change: a field and its value, not parsed yet.
#[derive(Debug, Deserialize)]
pub struct Change<'a> {
    /// `messages`, `account_update`, `history`, … or one that this version does not know.
    #[serde(borrow)]
    pub field: Cow<'a, str>,
    /// The value as received.
    #[serde(borrow)]
    pub value: &'a RawValue,
}

/// A part of the envelope that is kept as it came.
#[derive(Debug)]
pub struct MalformedPiece<'a> {
    /// What is wrong with it.
    pub error: Malformed,
    /// The entry's id, when it could be read.
    pub entry_id: Cow<'a, str>,
    /// The piece as received.
    pub raw: &'a RawValue,
}

#[derive(Deserialize)]
struct WholeEnvelope<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    object: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct LooseEnvelope<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    object: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct LooseEntry<'a> {
    #[serde(borrow, default, deserialize_with = "scalar::text")]
    id: Cow<'a, str>,
    #[serde(default, deserialize_with = "scalar::integer")]
    time: Option<i64>,
    #[serde(borrow, default, deserialize_with = "scalar::list")]
    changes: Vec<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads the envelope of a body that went through [`super::decode`].
    ///
    /// # Errors
    /// [`Malformed`] when the body is not JSON or no envelope at all. A single bad entry or change
    /// is not an error but an item of [`Envelope::malformed`].
    pub fn parse(body: &'a str) -> Result<Self, Malformed> {
        match serde_json::from_str::<WholeEnvelope<'a>>(body) {
            Ok(whole) if whole.object.is_empty() && whole.entry.is_empty() => {
                Err(Malformed::field("post", Problem::Missing, "entry"))
            }
            Ok(whole) => Ok(Self {
                object: whole.object,
                entry: whole.entry,
                malformed: Vec::new(),
            }),
            // Something in it is not as documented: piece by piece, so that the rest gets through.
            Err(error) if error.is_data() => Self::parse_loosely(body),
            Err(error) => Err(Malformed::json("post", &error)),
        }
    }

    fn parse_loosely(body: &'a str) -> Result<Self, Malformed> {
        let loose: LooseEnvelope<'a> =
            serde_json::from_str(body).map_err(|error| Malformed::json("post", &error))?;
        let mut envelope = Self {
            object: loose.object,
            entry: Vec::with_capacity(loose.entry.len()),
            malformed: Vec::new(),
        };
        for raw in loose.entry {
            envelope.read_entry(raw);
        }
        Ok(envelope)
    }

    fn read_entry(&mut self, raw: &'a RawValue) {
        let loose: LooseEntry<'a> = match serde_json::from_str(raw.get()) {
            Ok(loose) => loose,
            Err(error) => {
                self.malformed.push(MalformedPiece {
                    error: Malformed::json("entry", &error),
                    entry_id: Cow::Borrowed(""),
                    raw,
                });
                return;
            }
        };
        let mut changes = Vec::with_capacity(loose.changes.len());
        for raw in loose.changes {
            match serde_json::from_str(raw.get()) {
                Ok(change) => changes.push(change),
                Err(error) => self.malformed.push(MalformedPiece {
                    error: Malformed::json("change", &error),
                    entry_id: loose.id.clone(),
                    raw,
                }),
            }
        }
        self.entry.push(Entry {
            id: loose.id,
            time: loose.time,
            changes,
        });
    }

    /// Every change with the id of its entry.
    pub fn changes(&self) -> impl Iterator<Item = (&str, &Change<'a>)> {
        self.entry.iter().flat_map(|entry| {
            entry
                .changes
                .iter()
                .map(|change| (entry.id.as_ref(), change))
        })
    }
}

impl<'a> Change<'a> {
    /// Reads the value of the field `messages`.
    ///
    /// # Errors
    /// [`Malformed`] when it is not the value of that field.
    pub fn messages(&self) -> Result<MessagesValue<'a>, Malformed> {
        MessagesValue::parse(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_as_strings_and_as_numbers() {
        let envelope =
            Envelope::parse(r#"{"object":"o","entry":[{"id":12,"time":"5","changes":[]}]}"#)
                .unwrap();
        assert_eq!(envelope.entry[0].id, "12");
        assert_eq!(envelope.entry[0].time, Some(5));
    }

    #[test]
    fn one_bad_change_and_one_bad_entry_leave_the_others_alone() {
        let body = r#"{"object":"whatsapp_business_account","entry":[
            {"id":"1","changes":[{"field":"a","value":{}},{"field":"b"},{"field":"c","value":[1]}]},
            "nonsense",
            {"id":"2","changes":[{"field":"d","value":null}]}]}"#;
        let envelope = Envelope::parse(body).unwrap();
        let read: Vec<_> = envelope
            .changes()
            .map(|(id, change)| (id, change.field.as_ref()))
            .collect();
        assert_eq!(read, [("1", "a"), ("1", "c"), ("2", "d")]);
        let bad: Vec<_> = envelope
            .malformed
            .iter()
            .map(|piece| (piece.error.what, piece.entry_id.as_ref(), piece.raw.get()))
            .collect();
        assert_eq!(
            bad,
            [
                ("change", "1", r#"{"field":"b"}"#),
                ("entry", "", r#""nonsense""#)
            ]
        );
    }

    #[test]
    fn a_body_that_is_no_envelope_says_what_it_is() {
        let problem = |body| Envelope::parse(body).unwrap_err().problem;
        assert_eq!(problem(""), Problem::Truncated);
        assert_eq!(problem(r#"{"entry":[{"id":"#), Problem::Truncated);
        assert_eq!(problem("<html>"), Problem::Syntax);
        assert_eq!(problem("{}"), Problem::Missing);
        assert_eq!(problem("[]"), Problem::Missing);
        assert_eq!(problem("7"), Problem::Form);
    }

    #[test]
    fn an_error_does_not_repeat_the_content() {
        let error = Envelope::parse(r#"{"entry":"491701234567"}"#).unwrap_err();
        assert!(!error.to_string().contains("4917"));
    }
}
