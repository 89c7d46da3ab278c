//! JSON as Meta writes it: ASCII only, slashes escaped.
//!
//! Meta signs its own serialisation. Non-ASCII characters are `\uXXXX` with
//! lowercase hexadecimal digits (surrogate pairs above the basic plane) and `/`
//! is `\/`. A receiver that parses and serialises again before it checks the
//! signature fails here as it does in production.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| c == '/' || !c.is_ascii()) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut characters = tail.chars();
            match characters.next() {
                Some('/') => writer.write_all(b"\\/")?,
                Some(other) => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
                None => {}
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Serialises in Meta's way.
///
/// # Errors
/// When the value cannot be JSON; never for a [`serde_json::Value`].
pub(crate) fn encode(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(1024);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Ascii))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(value: &Value) -> String {
        String::from_utf8(encode(value).unwrap()).unwrap()
    }

    #[test]
    fn non_ascii_becomes_lowercase_escapes_and_slashes_are_escaped() {
        assert_eq!(
            text(&json!({"é/ñ": "https://x.y/ü 😀"})),
            r#"{"\u00e9\/\u00f1":"https:\/\/x.y\/\u00fc \ud83d\ude00"}"#
        );
    }

    #[test]
    fn quotes_and_control_characters_keep_their_short_escapes() {
        assert_eq!(text(&json!("a\"b\\c\nd\u{1}")), r#""a\"b\\c\nd\u0001""#);
    }

    #[test]
    fn every_encoding_is_ascii_and_decodes_to_the_same_value() {
        for code in (0..0x0011_0000).step_by(37) {
            if let Some(c) = char::from_u32(code) {
                let value = json!(format!("a{c}/b{c}{c}"));
                let encoded = encode(&value).unwrap();
                assert!(encoded.is_ascii());
                assert_eq!(serde_json::from_slice::<Value>(&encoded).unwrap(), value);
            }
        }
    }
}
