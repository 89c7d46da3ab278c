//! Bytes to text that every later stage can hold.

use std::borrow::Cow;

use super::Malformed;

/// Reads the body of a webhook as text.
///
/// JSON can express characters that neither PostgreSQL nor a Rust string can hold: `\u0000` and
/// halves of surrogate pairs, which Meta produces when it cuts an emoji in two. Each becomes
/// U+FFFD, so that one such character in one message cannot fail a whole batch. A body without
/// them is borrowed.
///
/// # Errors
/// [`Malformed`] when the bytes are not UTF-8.
pub fn decode(body: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    let text = std::str::from_utf8(body).map_err(|error| Malformed::not_utf8(&error))?;
    Ok(repair(text))
}

/// What the escape at a backslash is.
enum Escape {
    /// Representable; this many bytes long.
    Fine(usize),
    /// `\uXXXX` that stands for no character on its own.
    Unrepresentable,
}

const UNIT: usize = "\\u0000".len();

fn repair(text: &str) -> Cow<'_, str> {
    let mut repaired = String::new();
    let mut rest = text;
    // Bytes at the start of `rest` that were looked at and are fine.
    let mut fine = 0;
    while let Some(at) = rest.get(fine..).and_then(|tail| tail.find('\\')) {
        let at = fine + at;
        match classify(rest.get(at..).unwrap_or_default()) {
            Escape::Fine(length) => fine = at + length,
            Escape::Unrepresentable => {
                repaired.push_str(rest.get(..at).unwrap_or_default());
                repaired.push_str("\\ufffd");
                rest = rest.get(at + UNIT..).unwrap_or_default();
                fine = 0;
            }
        }
    }
    if repaired.is_empty() {
        return Cow::Borrowed(text);
    }
    repaired.push_str(rest);
    Cow::Owned(repaired)
}

fn classify(escape: &str) -> Escape {
    match unit(escape) {
        Some(0 | 0xdc00..=0xdfff) => Escape::Unrepresentable,
        Some(0xd800..=0xdbff) => match escape.get(UNIT..).and_then(unit) {
            Some(0xdc00..=0xdfff) => Escape::Fine(UNIT * 2),
            _ => Escape::Unrepresentable,
        },
        Some(_) => Escape::Fine(UNIT),
        None => {
            // A short escape such as `\n`; or no JSON at all, which the parser will say.
            let escaped = escape.chars().nth(1).map_or(0, char::len_utf8);
            Escape::Fine(1 + escaped)
        }
    }
}

/// The UTF-16 unit of `\uXXXX` at the start of `text`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    // `from_str_radix` would take a sign.
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        u16::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn decoded(text: &str) -> Cow<'_, str> {
        decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn whole_characters_are_not_touched_nor_copied() {
        for text in [
            r#""plain""#,
            r#""\ud83d\ude00\u00e4\n\\u0000\/""#,
            "\"ä😀\"",
        ] {
            assert!(
                matches!(decoded(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn zero_and_cut_pairs_become_replacement_characters() {
        assert_eq!(decoded(r#""a\u0000b""#), r#""a\ufffdb""#);
        assert_eq!(decoded(r#""\ud83d""#), r#""\ufffd""#);
        assert_eq!(decoded(r#""\ude00x""#), r#""\ufffdx""#);
        assert_eq!(
            decoded(r#""\uD83D\uD83D\uDE00""#),
            r#""\ufffd\uD83D\uDE00""#
        );
        assert_eq!(decoded(r#""\u0000\u0000""#), r#""\ufffd\ufffd""#);
        assert_eq!(decoded(r#""\\\u0000""#), r#""\\\ufffd""#);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        assert!(decode(b"\"\xff\"").is_err());
    }

    proptest! {
        #[test]
        fn any_sequence_of_escapes_reads_as_a_string_without_zeros(
            units in proptest::collection::vec(
                prop_oneof![Just(0_u16), 0xd7f0_u16..0xe010, any::<u16>()], 0..20),
        ) {
            let escapes: Vec<String> = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = format!("\"{}\"", escapes.concat());
            let value: Value = serde_json::from_str(&decoded(&json)).unwrap();
            prop_assert!(!value.as_str().unwrap().contains('\0'));
        }

        #[test]
        fn no_text_makes_it_panic(text in r#"[\\ud0-9äx"]{0,60}"#) {
            let once = decoded(&text).into_owned();
            prop_assert_eq!(decoded(&once), once.as_str());
        }
    }
}
