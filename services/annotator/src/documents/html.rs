//! HTML as Markdown.

use super::{UnreadableDocument, words};

pub(super) fn read(text: &str) -> Result<(String, String), UnreadableDocument> {
    let converter = htmd::HtmlToMarkdown::builder()
        .skip_tags(vec!["script", "style", "head", "noscript"])
        .build();
    let markdown = converter.convert(text).map_err(UnreadableDocument::Html)?;
    if markdown.trim().is_empty() {
        return Err(UnreadableDocument::Empty);
    }
    let title = title(text).map(|title| format!("Web page \u{201c}{title}\u{201d}, "));
    let description = format!(
        "{}{} words",
        title.unwrap_or_else(|| "Web page, ".to_owned()),
        words(&markdown)
    );
    Ok((markdown, description))
}

fn title(text: &str) -> Option<String> {
    // Lowercased ASCII has the same byte positions.
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower.get(start..)?.find("</title>")?;
    let title = text.get(start..end)?.trim();
    (!title.is_empty() && title.len() <= 300).then(|| title.to_owned())
}
