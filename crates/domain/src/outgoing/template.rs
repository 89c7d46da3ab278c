//! The form of template parameters. Whether they fit the template is Meta's to say, and ours where the template is known.
//!
//! # Source
//! Meta, "Template components" and "Sending templates", 2026. Types of components and parameters that are not known here
//! pass: Meta adds some every year.

use serde_json::Value;

use super::InvalidContent;
use super::check::{Path, bounded, counted, malformed};
use crate::content::TemplatePart;

/// Longest template name.
const NAME_MAX: usize = 512;
const LANGUAGE_MAX: usize = 16;
const TEXT_MAX: usize = 1024;
const PAYLOAD_MAX: usize = 256;
/// Raised from 15 in December 2025.
const COUPON_CODE_MAX: usize = 20;
const BUTTON_INDEX_MAX: u64 = 9;
const CARDS: (usize, usize) = (1, 10);
/// Components of one template message.
const COMPONENTS: (usize, usize) = (0, 20);
const PARAMETERS: (usize, usize) = (0, 100);

/// Checks a template.
pub(super) fn check(at: Path<'_>, template: &TemplatePart) -> Result<(), InvalidContent> {
    bounded(at.key("name"), &template.name, NAME_MAX)?;
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if !template.name.bytes().all(lower) {
        return Err(malformed(at.key("name"), "may only contain a-z, 0-9 and _"));
    }
    bounded(at.key("language"), &template.language, LANGUAGE_MAX)?;
    components(at.key("components"), &template.components)
}

fn components(at: Path<'_>, components: &[Value]) -> Result<(), InvalidContent> {
    counted(at, components.len(), COMPONENTS)?;
    for (index, component) in components.iter().enumerate() {
        self::component(at.item(index), component)?;
    }
    Ok(())
}

fn component(at: Path<'_>, component: &Value) -> Result<(), InvalidContent> {
    let kind = text(at, component, "type")?.to_ascii_lowercase();
    let parameters = match component.get("parameters") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(parameters)) => parameters,
        Some(_) => return Err(malformed(at.key("parameters"), "must be a list")),
    };
    counted(at.key("parameters"), parameters.len(), PARAMETERS)?;
    match kind.as_str() {
        "carousel" => return carousel(at.key("cards"), component.get("cards")),
        "button" => button(at, component)?,
        "header" if parameters.len() > 1 => {
            return Err(malformed(
                at.key("parameters"),
                "of a header is one at most",
            ));
        }
        _ => {}
    }
    let at = at.key("parameters");
    for (index, parameter) in parameters.iter().enumerate() {
        self::parameter(at.item(index), parameter)?;
    }
    Ok(())
}

fn button(at: Path<'_>, component: &Value) -> Result<(), InvalidContent> {
    text(at, component, "sub_type")?;
    // Meta takes it as text and as a number.
    let index = component.get("index").and_then(|index| {
        index
            .as_u64()
            .or_else(|| index.as_str().and_then(|text| text.parse().ok()))
    });
    if index.is_some_and(|index| index <= BUTTON_INDEX_MAX) {
        Ok(())
    } else {
        Err(malformed(at.key("index"), "must be 0 to 9"))
    }
}

fn carousel(at: Path<'_>, cards: Option<&Value>) -> Result<(), InvalidContent> {
    let cards = cards
        .and_then(Value::as_array)
        .ok_or_else(|| malformed(at, "must be a list"))?;
    counted(at, cards.len(), CARDS)?;
    for (index, card) in cards.iter().enumerate() {
        let at = at.item(index);
        if card.get("card_index").and_then(Value::as_u64).is_none() {
            return Err(malformed(at.key("card_index"), "must be a number"));
        }
        let parts = card.get("components").and_then(Value::as_array);
        let at = at.key("components");
        let parts = parts.ok_or_else(|| malformed(at, "must be a list"))?;
        let is_nested = parts.iter().any(|part| {
            let kind = part.get("type").and_then(Value::as_str);
            kind.is_some_and(|kind| kind.eq_ignore_ascii_case("carousel"))
        });
        if is_nested {
            return Err(malformed(at, "must not hold another carousel"));
        }
        components(at, parts)?;
    }
    Ok(())
}

fn parameter(at: Path<'_>, parameter: &Value) -> Result<(), InvalidContent> {
    match text(at, parameter, "type")? {
        "text" => bounded(at.key("text"), text(at, parameter, "text")?, TEXT_MAX),
        "payload" => bounded(
            at.key("payload"),
            text(at, parameter, "payload")?,
            PAYLOAD_MAX,
        ),
        "coupon_code" => bounded(
            at.key("coupon_code"),
            text(at, parameter, "coupon_code")?,
            COUPON_CODE_MAX,
        ),
        "image" => file(at.key("image"), parameter.get("image")),
        "video" => file(at.key("video"), parameter.get("video")),
        "document" => file(at.key("document"), parameter.get("document")),
        "location" => place(at.key("location"), parameter.get("location")),
        "limited_time_offer" => {
            let offer = parameter.get("limited_time_offer");
            let end = offer.and_then(|offer| offer.get("expiration_time_ms"));
            if end.and_then(Value::as_i64).is_some_and(|end| end > 0) {
                Ok(())
            } else {
                let at = at.key("limited_time_offer");
                Err(malformed(
                    at.key("expiration_time_ms"),
                    "must be a time in milliseconds since 1970",
                ))
            }
        }
        "action" if !parameter.get("action").is_some_and(Value::is_object) => {
            Err(malformed(at.key("action"), "must be an object"))
        }
        _ => Ok(()),
    }
}

/// A file of Meta's, on the web, or of ours.
fn file(at: Path<'_>, file: Option<&Value>) -> Result<(), InvalidContent> {
    let given = |key: &str| {
        let text = file.and_then(|file| file.get(key)).and_then(Value::as_str);
        text.is_some_and(|text| !text.is_empty())
    };
    let places = ["id", "link", "media_id"];
    if places.iter().filter(|key| given(key)).count() != 1 {
        return Err(malformed(at, "must have one of id, link and media_id"));
    }
    let own = file
        .and_then(|file| file.get("media_id"))
        .and_then(Value::as_str);
    if own.is_some_and(|id| sb_ids::MediaId::parse(id).is_err()) {
        return Err(malformed(at.key("media_id"), "is not the id of a file"));
    }
    Ok(())
}

fn place(at: Path<'_>, place: Option<&Value>) -> Result<(), InvalidContent> {
    for key in ["latitude", "longitude"] {
        let number = place.and_then(|place| place.get(key)).is_some_and(|value| {
            value.is_number()
                || value
                    .as_str()
                    .is_some_and(|text| text.parse::<f64>().is_ok())
        });
        if !number {
            return Err(malformed(at.key(key), "must be a number"));
        }
    }
    Ok(())
}

/// A text member that must be there.
fn text<'v>(at: Path<'_>, object: &'v Value, key: &'static str) -> Result<&'v str, InvalidContent> {
    let text = object.get(key).and_then(Value::as_str).unwrap_or_default();
    if text.is_empty() {
        return Err(InvalidContent::Empty {
            field: at.key(key).to_string(),
        });
    }
    Ok(text)
}
