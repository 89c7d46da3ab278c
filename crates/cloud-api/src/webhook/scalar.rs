//! Values that Meta writes as a string here and as a number there.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// A string or an integer, as text; `null` counts as absent.
struct OptionalText;

impl<'de> Visitor<'de> for OptionalText {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an integer")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'de, str>>, D::Error> {
    deserializer.deserialize_any(OptionalText)
}

pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    optional(deserializer).map(Option::unwrap_or_default)
}

/// As [`optional`], owned.
pub(super) fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    optional(deserializer).map(|text| text.map(Cow::into_owned))
}

/// As [`word`], for what must be there and say something.
pub(super) fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = optional(deserializer)?.filter(|text| !text.is_empty());
    text.map(Cow::into_owned)
        .ok_or_else(|| D::Error::custom("a value is missing"))
}

pub(super) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    optional(deserializer).map(|text| text.and_then(|text| text.parse().ok()))
}

/// An array, or nothing where Meta writes `null`.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Last second of the year 9999: what every database and calendar still takes.
const LAST_SECOND: i64 = 253_402_300_799;

/// Seconds since 1970 in digits.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let seconds: i64 = text.parse().ok()?;
    if !(0..=LAST_SECOND).contains(&seconds) {
        return None;
    }
    DateTime::from_timestamp(seconds, 0)
}

/// A person's id: Meta's samples write it with and without `+`. What is no id counts as absent,
/// because the message may still name its sender by the other kind of id.
pub(super) fn wa_id(text: Option<&str>) -> Option<sb_ids::WaId> {
    let text = text?;
    sb_ids::WaId::parse(text.strip_prefix('+').unwrap_or(text)).ok()
}

/// A business-scoped user id; what is none counts as absent, as in [`wa_id`].
pub(super) fn bsuid(text: Option<&str>) -> Option<sb_ids::Bsuid> {
    sb_ids::Bsuid::parse(text?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Probe<'a> {
        #[serde(borrow, default, deserialize_with = "text")]
        id: Cow<'a, str>,
        #[serde(default, deserialize_with = "integer")]
        time: Option<i64>,
    }

    #[test]
    fn an_id_reads_as_a_string_and_as_a_number() {
        let read = |json| {
            serde_json::from_str::<Probe<'_>>(json)
                .unwrap()
                .id
                .into_owned()
        };
        assert_eq!(read(r#"{"id":"0012"}"#), "0012");
        assert_eq!(read(r#"{"id":12}"#), "12");
        assert_eq!(read(r#"{"id":null}"#), "");
        assert_eq!(read("{}"), "");
        assert!(serde_json::from_str::<Probe<'_>>(r#"{"id":{}}"#).is_err());
    }

    #[test]
    fn a_time_reads_as_a_string_and_as_a_number() {
        let read = |json| serde_json::from_str::<Probe<'_>>(json).unwrap().time;
        assert_eq!(read(r#"{"time":17}"#), Some(17));
        assert_eq!(read(r#"{"time":"17"}"#), Some(17));
        assert_eq!(read(r#"{"time":"soon"}"#), None);
    }

    #[test]
    fn only_instants_that_a_database_takes_are_instants() {
        assert!(instant("1739321024").is_some());
        for text in ["", "x", "-1", "253402300800", "99999999999999999999"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
