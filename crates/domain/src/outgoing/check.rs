//! The few checks that every limit is made of, and paths for their errors.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use super::InvalidContent;

/// Where a field is in the content. Written out only when something is wrong with it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Self, &'static str),
    Item(&'a Self, usize),
}

impl Path<'_> {
    pub(super) const fn key<'a>(&'a self, name: &'static str) -> Path<'a> {
        Path::Key(self, name)
    }

    pub(super) const fn item(&self, index: usize) -> Path<'_> {
        Path::Item(self, index)
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, name) => f.write_str(name),
            Self::Key(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// An error about a field's form.
pub(super) fn malformed(at: Path<'_>, rule: impl Into<Cow<'static, str>>) -> InvalidContent {
    InvalidContent::Malformed {
        field: at.to_string(),
        rule: rule.into(),
    }
}

/// Text of 1 to `limit` characters.
pub(super) fn bounded(at: Path<'_>, text: &str, limit: usize) -> Result<(), InvalidContent> {
    // Characters are never more than bytes.
    if text.is_empty() {
        return Err(InvalidContent::Empty {
            field: at.to_string(),
        });
    }
    if text.len() <= limit {
        return Ok(());
    }
    let length = text.chars().count();
    if length > limit {
        return Err(InvalidContent::TooLong {
            field: at.to_string(),
            length,
            limit,
        });
    }
    Ok(())
}

/// The same, where there is a text.
pub(super) fn bounded_if_given(
    at: Path<'_>,
    text: Option<&str>,
    limit: usize,
) -> Result<(), InvalidContent> {
    text.map_or(Ok(()), |text| bounded(at, text, limit))
}

/// A list of `least` to `most` elements.
pub(super) fn counted(
    at: Path<'_>,
    count: usize,
    (least, most): (usize, usize),
) -> Result<(), InvalidContent> {
    if (least..=most).contains(&count) {
        return Ok(());
    }
    Err(InvalidContent::Count {
        field: at.to_string(),
        count,
        least,
        most,
    })
}

/// An address that Meta, or the contact's browser, can open.
pub(super) fn web_address(at: Path<'_>, text: &str) -> Result<(), InvalidContent> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let is_address = host.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace)
    });
    if is_address {
        bounded(at, text, URL_MAX)
    } else {
        Err(malformed(at, "must be an http(s) address"))
    }
}

/// Longest address, in characters.
///
/// # Source
/// Meta, "Template components": a button's URL.
const URL_MAX: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_the_field_as_json_does() {
        let root = Path::Root;
        let action = root.key("action");
        let sections = action.key("sections");
        let second = sections.item(1);
        assert_eq!(second.key("title").to_string(), "action.sections[1].title");
    }

    #[test]
    fn an_address_needs_a_host() {
        for wrong in [
            "https://",
            "http:///x",
            "example.com",
            "https://a b",
            "javascript:alert(1)",
        ] {
            assert!(
                web_address(Path::Root.key("url"), wrong).is_err(),
                "{wrong}"
            );
        }
        assert!(web_address(Path::Root.key("url"), "https://example.com/x?y").is_ok());
    }
}
