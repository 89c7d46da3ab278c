//! JSON as Meta writes it: pure ASCII, slashes escaped.
//!
//! Meta signs these bytes. Whoever verifies a signature over its own serialisation of the parsed
//! document fails on the first umlaut, so the simulator, the benchmarks and the tests sign this
//! form.
//!
//! # Source
//! Meta, "Webhooks, validating payloads": the signature is made over an escaped unicode version of
//! the payload with lowercase hex digits.

use serde::Serialize;

/// Serialises `value` in Meta's form.
///
/// # Errors
/// When the value itself cannot be serialised.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_string(value).map(|json| ascii(&json).into_bytes())
}

/// Rewrites a JSON text in Meta's form: the same document in other bytes.
pub fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    let mut escaped = false;
    for character in json.chars() {
        match character {
            // Slashes and non-ASCII characters occur in JSON strings only, so no tokenising is needed.
            '/' if !escaped => out.push_str("\\/"),
            ascii if ascii.is_ascii() => out.push(ascii),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    push_unit(&mut out, *unit);
                }
            }
        }
        escaped = character == '\\' && !escaped;
    }
    out
}

fn push_unit(out: &mut String, unit: u16) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        let digit = u32::from((unit >> shift) & 0xf);
        out.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn umlauts_emoji_and_slashes_look_as_meta_writes_them() {
        let bytes = to_bytes(&json!({"t": "ä👍 a/b \"q\" \\ \n"})).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"t":"\u00e4\ud83d\udc4d a\/b \"q\" \\ \n"}"#
        );
    }

    #[test]
    fn a_text_that_is_in_metas_form_stays_as_it_is() {
        let text = r#"{"t":"\u00e4 a\/b \\\/"}"#;
        assert_eq!(ascii(text), text);
    }

    proptest! {
        #[test]
        fn the_escaped_form_is_ascii_and_means_the_same(text in any::<String>(), key in any::<String>()) {
            let value = json!({ key: [text] });
            let bytes = to_bytes(&value).unwrap();
            prop_assert!(bytes.is_ascii());
            prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), value);
        }
    }
}
