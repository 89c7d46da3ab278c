//! Addresses of people as callers write them.

use sb_db::Identity;
use sb_ids::{Bsuid, WaId};

/// Shortest and longest phone number in digits, with country code.
///
/// # Source
/// ITU-T E.164: at most 15 digits. No numbering plan has fewer than 7.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Reads a phone number (`+1 (555) 010-0001`, `15550100001`) or a business-scoped user id (`US.134912…`).
pub(crate) fn parse(text: &str) -> Option<Identity> {
    phone(text)
        .map(Identity::Phone)
        .or_else(|| Bsuid::parse(text.trim()).ok().map(Identity::Bsuid))
}

/// Reads a phone number; what people put between digits does not matter.
pub(crate) fn phone(text: &str) -> Option<WaId> {
    let text = text.trim();
    let digits: String = text
        .strip_prefix('+')
        .unwrap_or(text)
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.'))
        .collect();
    // A BSUID starts with two letters, so it never gets here.
    PHONE_DIGITS
        .contains(&digits.len())
        .then(|| WaId::parse(digits).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_phone_number_is_taken_as_people_write_it() {
        for text in ["+1 (555) 010-0001", "15550100001", " +1.555.010.0001 "] {
            let identity = parse(text).unwrap();
            assert_eq!(
                (identity.kind(), identity.value()),
                ("phone", "15550100001")
            );
        }
    }

    #[test]
    fn a_business_scoped_id_is_taken_as_it_is() {
        let identity = parse("US.13491208655302741918").unwrap();
        assert_eq!(identity.kind(), "bsuid");
        assert_eq!(identity.value(), "US.13491208655302741918");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "+",
            "123",
            "1234567890123456",
            "49a1701234567",
            "us.1",
            "U.1",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused_without_a_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn digits_with_any_separators_are_the_same_person(digits in "[1-9][0-9]{6,14}", gap in "[ ().-]{0,3}") {
            let spaced: Vec<String> = digits.chars().map(String::from).collect();
            let identity = parse(&format!("+{}", spaced.join(&gap)));
            prop_assert_eq!(identity.map(|i| i.value().to_owned()), Some(digits));
        }
    }
}
