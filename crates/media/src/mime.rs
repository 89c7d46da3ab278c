//! MIME types.

/// Types outside of `text/` whose content is text.
const TEXT_TYPES: &[&str] = &[
    "application/csv",
    "application/ecmascript",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/markdown",
    "application/ndjson",
    "application/sql",
    "application/toml",
    "application/x-httpd-php",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-sh",
    "application/x-sql",
    "application/x-yaml",
    "application/xhtml+xml",
    "application/xml",
    "application/yaml",
    "message/rfc822",
];

/// `text/` types whose content is markup around encoded data rather than words.
const NOT_TEXT: &[&str] = &["text/rtf", "text/richtext"];

/// Whether a file of this MIME type can be read as text: txt, csv, html, json, xml, source code and
/// their like. Parameters and letter case do not matter.
///
/// # Source
/// RFC 6839: the suffixes `+json`, `+xml` and, by RFC 9512, `+yaml` tell the syntax.
pub fn is_text_like(mime: &str) -> bool {
    let essence = mime.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    if NOT_TEXT.contains(&essence.as_str()) {
        return false;
    }
    let by_suffix = ["+json", "+xml", "+yaml"]
        .iter()
        // Pictures are described by looking at them.
        .any(|suffix| essence.ends_with(suffix) && !essence.starts_with("image/"));
    essence.starts_with("text/") || by_suffix || TEXT_TYPES.contains(&essence.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_everything_else() {
        for mime in [
            "text/plain",
            "TEXT/CSV; charset=utf-8",
            "text/html;charset=iso-8859-1",
            "application/json",
            " application/xml ",
            "application/problem+json",
            "application/atom+xml",
            "application/yaml",
            "text/vcard",
        ] {
            assert!(is_text_like(mime), "{mime}");
        }
        for mime in [
            "",
            "application/pdf",
            "application/octet-stream",
            "image/svg+xml",
            "image/png",
            "text/rtf",
            "audio/ogg; codecs=opus",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ] {
            assert!(!is_text_like(mime), "{mime}");
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(TEXT_TYPES.is_sorted());
    }
}
