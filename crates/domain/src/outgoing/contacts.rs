//! Cards of people, in Meta's form.
//!
//! # Source
//! Meta, "Contacts messages", 2026: `name.formatted_name` and one more part of the name are required.

use serde_json::Value;

use super::InvalidContent;
use super::check::{Path, counted, malformed};

/// Most cards of one message.
const CARDS: (usize, usize) = (1, 257);
/// Parts of a name of which one is needed beside the formatted one.
const NAME_PARTS: [&str; 5] = ["first_name", "last_name", "middle_name", "suffix", "prefix"];
/// Members that are lists of objects.
const LISTS: [&str; 4] = ["addresses", "emails", "phones", "urls"];

/// Checks cards.
pub(super) fn check(at: Path<'_>, cards: &[Value]) -> Result<(), InvalidContent> {
    counted(at, cards.len(), CARDS)?;
    for (index, card) in cards.iter().enumerate() {
        check_card(at.item(index), card)?;
    }
    Ok(())
}

fn check_card(at: Path<'_>, card: &Value) -> Result<(), InvalidContent> {
    let name = card.get("name").unwrap_or(&Value::Null);
    let part = |key: &str| {
        let text = name.get(key).and_then(Value::as_str);
        text.is_some_and(|text| !text.trim().is_empty())
    };
    let at_name = at.key("name");
    if !part("formatted_name") {
        return Err(InvalidContent::Empty {
            field: at_name.key("formatted_name").to_string(),
        });
    }
    if !NAME_PARTS.iter().any(|key| part(key)) {
        return Err(malformed(
            at_name,
            "needs one of first_name, last_name, middle_name, suffix and prefix beside formatted_name",
        ));
    }
    for key in LISTS {
        let is_list = card.get(key).is_none_or(|list| {
            list.as_array()
                .is_some_and(|items| items.iter().all(Value::is_object))
        });
        if !is_list {
            return Err(malformed(at.key(key), "must be a list of objects"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::problem;

    #[test]
    fn a_card_needs_a_name_that_phones_can_sort_by() {
        let cards = |cards| problem(json!({"type": "contacts", "contacts": cards}));
        let ana = json!({"name": {"formatted_name": "Ana B", "first_name": "Ana"},
            "phones": [{"phone": "+1555", "type": "WORK"}]});
        assert_eq!(cards(json!([ana])), None);
        let said = cards(json!([ana, {"name": {"formatted_name": "Ana"}}])).unwrap();
        assert!(
            said.starts_with("`contacts[1].name` needs one of first_name"),
            "{said}"
        );
        assert_eq!(
            cards(json!([{"name": {"first_name": "Ana"}}])).unwrap(),
            "`contacts[0].name.formatted_name` must not be empty"
        );
        assert_eq!(
            cards(json!([])).unwrap(),
            "`contacts` has 0 elements, Meta accepts 1 to 257"
        );
        let odd =
            json!([{"name": {"formatted_name": "A", "first_name": "A"}, "phones": ["+1555"]}]);
        assert_eq!(
            cards(odd).unwrap(),
            "`contacts[0].phones` must be a list of objects"
        );
    }
}
