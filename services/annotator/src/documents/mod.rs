//! Text-like documents as text for models and people. No IO.

mod csv;
mod html;
mod json;

use sb_domain::content::{Artifact, ArtifactKind};

/// Longest transcription, in characters; the rest is cut and said to be.
pub const TEXT_MAX: usize = 200_000;

/// Kinds of documents that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Plain text, Markdown, logs.
    Text,
    /// Comma- or tab-separated values.
    Csv,
    /// HTML.
    Html,
    /// JSON.
    Json,
}

/// Why a document has no text.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableDocument {
    /// It is empty.
    #[error("the document is empty")]
    Empty,
    /// A table is broken.
    #[error("the table is broken in record {record}")]
    Table {
        /// The record, from 1.
        record: u64,
        /// What is wrong.
        #[source]
        source: ::csv::Error,
    },
    /// HTML could not be converted.
    #[error("the HTML cannot be converted")]
    Html(#[source] std::io::Error),
    /// JSON does not parse.
    #[error("the JSON is malformed in line {line}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

impl Kind {
    /// The kind of a MIME type; `None` for what this service does not read.
    pub fn of(mime_type: &str) -> Option<Self> {
        let essence = mime_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match essence.as_str() {
            "text/csv" | "text/tab-separated-values" | "application/csv" => Some(Self::Csv),
            "text/html" | "application/xhtml+xml" => Some(Self::Html),
            "application/json" | "text/json" => Some(Self::Json),
            other if other.ends_with("+json") => Some(Self::Json),
            other if other.starts_with("text/") => Some(Self::Text),
            _ => None,
        }
    }
}

/// Makes a transcription and a description of a document.
///
/// # Errors
/// [`UnreadableDocument`] when there is no text in it.
pub fn read(kind: Kind, bytes: &[u8]) -> Result<Vec<Artifact>, UnreadableDocument> {
    let text = decode(bytes);
    if text.trim().is_empty() {
        return Err(UnreadableDocument::Empty);
    }
    let (transcription, description) = match kind {
        Kind::Text => {
            let description = format!(
                "Text, {} lines, {} words",
                text.lines().count(),
                words(&text)
            );
            (text, description)
        }
        Kind::Csv => csv::read(&text)?,
        Kind::Html => html::read(&text)?,
        Kind::Json => json::read(&text)?,
    };
    Ok(vec![
        Artifact {
            kind: ArtifactKind::Transcription,
            text: cut(transcription),
        },
        Artifact {
            kind: ArtifactKind::Description,
            text: description,
        },
    ])
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// UTF-8, with or without a mark; anything else is read as Latin-1, which every byte is. NUL is dropped:
/// the database cannot hold it.
fn decode(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_or_else(
        |_| bytes.iter().copied().map(char::from).collect(),
        str::to_owned,
    );
    text.replace('\0', "")
}

fn cut(text: String) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default();
            format!("{kept}\n[cut after {TEXT_MAX} characters]")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn transcription(kind: Kind, text: &str) -> String {
        read(kind, text.as_bytes()).unwrap().remove(0).text
    }

    #[test]
    fn a_table_becomes_markdown_with_its_columns_described() {
        let artifacts = read(Kind::Csv, b"name;price\nBlue|shirt;10\nRed;12\n").unwrap();
        assert_eq!(
            artifacts[0].text,
            "| name | price |\n| --- | --- |\n| Blue\\|shirt | 10 |\n| Red | 12 |\n"
        );
        assert_eq!(artifacts[1].text, "Table, 2 rows, columns: name, price");
    }

    #[test]
    fn html_becomes_markdown_without_scripts() {
        let text = transcription(Kind::Html, "<h1>Hi</h1><script>evil()</script><p>there</p>");
        assert!(text.contains("# Hi") && text.contains("there") && !text.contains("evil"));
    }

    #[test]
    fn text_that_is_not_utf8_is_still_read() {
        assert_eq!(read(Kind::Text, b"caf\xe9").unwrap()[0].text, "café");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let text = transcription(Kind::Text, &"ä".repeat(TEXT_MAX + 5));
        assert!(text.ends_with("characters]"));
        assert!(text.chars().count() < TEXT_MAX + 100);
    }

    #[test]
    fn pictures_are_left_alone() {
        assert_eq!(Kind::of("image/png"), None);
        assert_eq!(Kind::of("text/html; charset=utf-8"), Some(Kind::Html));
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for kind in [Kind::Text, Kind::Csv, Kind::Html, Kind::Json] {
                let _ = read(kind, &bytes);
            }
        }
    }
}
