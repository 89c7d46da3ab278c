//! Markdown to WhatsApp's marks.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Rewrites Markdown so that a phone shows what was meant. Headings become bold lines, links keep their address, tables
/// become lines; everything that is no Markdown stays as it is.
pub fn to_whatsapp(markdown: &str) -> String {
    let options =
        Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS;
    let mut writer = Writer::new(markdown);
    for (event, range) in Parser::new_ext(markdown, options).into_offset_iter() {
        writer.take(event, range);
    }
    writer.finish()
}

/// A list in the making.
struct List {
    /// The next item's number; `None` for dots.
    next: Option<u64>,
}

struct Writer<'s> {
    source: &'s str,
    out: String,
    lists: Vec<List>,
    quotes: usize,
    /// Line breaks owed before the next text: two between blocks, one between lines.
    owed: usize,
    /// Something was written since the last block began.
    is_fresh: bool,
    /// Where a link's text began, and its address.
    links: Vec<(usize, String)>,
    /// Marks of emphasis that is none, as in `5*3*2`: kept as they were written.
    literal: Vec<bool>,
    is_first_cell: bool,
}

impl<'s> Writer<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            out: String::with_capacity(source.len()),
            lists: Vec::new(),
            quotes: 0,
            owed: 0,
            is_fresh: true,
            links: Vec::new(),
            literal: Vec::new(),
            is_first_cell: true,
        }
    }

    fn take(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, &range),
            Event::End(tag) => self.end(tag, &range),
            Event::Text(text) => self.text(&text),
            Event::Code(code) => {
                self.text("`");
                self.text(&code);
                self.text("`");
            }
            Event::SoftBreak | Event::HardBreak => self.owe(1),
            Event::Rule => {
                self.block();
                self.text("---");
                self.owe(2);
            }
            Event::TaskListMarker(is_done) => self.text(if is_done { "[x] " } else { "[ ] " }),
            // Not Markdown on a phone: shown as it was written.
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {
                let written = self.source.get(range).unwrap_or_default();
                let written = written.trim_end_matches('\n').to_owned();
                self.text(&written);
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Heading { .. } => {
                self.block();
                self.mark("*");
            }
            Tag::BlockQuote(_) => {
                self.block();
                self.quotes += 1;
            }
            // The name of the language means nothing on a phone.
            Tag::CodeBlock(_) => {
                self.block();
                self.mark("```");
            }
            Tag::List(next) => {
                if self.lists.is_empty() {
                    self.block();
                } else {
                    self.owe(1);
                }
                self.lists.push(List { next });
            }
            Tag::Item => self.item(),
            Tag::Emphasis => self.open_emphasis(range, "_"),
            Tag::Strong => self.open_emphasis(range, "*"),
            Tag::Strikethrough => self.open_emphasis(range, "~"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.flush();
                self.links.push((self.out.len(), dest_url.into_string()));
            }
            Tag::TableHead | Tag::TableRow => self.is_first_cell = true,
            Tag::TableCell => {
                if !self.is_first_cell {
                    self.text(" | ");
                }
                self.is_first_cell = false;
            }
            Tag::Paragraph
            | Tag::Table(_)
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => self.block(),
        }
    }

    fn end(&mut self, tag: TagEnd, range: &Range<usize>) {
        match tag {
            TagEnd::Heading(_) => {
                self.close_mark("*");
                self.owe(2);
            }
            TagEnd::Paragraph => self.owe(if self.lists.is_empty() { 2 } else { 1 }),
            TagEnd::BlockQuote(_) => {
                self.owed = 0;
                self.quotes = self.quotes.saturating_sub(1);
                self.owe(2);
            }
            TagEnd::CodeBlock => {
                while self.out.ends_with('\n') {
                    self.out.pop();
                }
                self.close_mark("```");
                self.owe(2);
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.owe(if self.lists.is_empty() { 2 } else { 1 });
            }
            TagEnd::Emphasis => self.close_emphasis(range, "_"),
            TagEnd::Strong => self.close_emphasis(range, "*"),
            TagEnd::Strikethrough => self.close_emphasis(range, "~"),
            TagEnd::Link | TagEnd::Image => self.address(),
            TagEnd::Table => self.owe(2),
            TagEnd::Item | TagEnd::TableHead | TagEnd::TableRow => self.owe(1),
            TagEnd::TableCell
            | TagEnd::HtmlBlock
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    /// Begins a block on a line of its own, with an empty line before it.
    fn block(&mut self) {
        if self.is_fresh {
            return;
        }
        self.owe(if self.lists.is_empty() { 2 } else { 1 });
    }

    fn owe(&mut self, breaks: usize) {
        self.owed = self.owed.max(breaks);
    }

    /// Writes the line breaks that are owed, and what every line of a quote begins with.
    fn flush(&mut self) {
        let is_first = self.out.is_empty();
        if self.owed > 0 && !is_first {
            for _ in 0..self.owed {
                self.out.push('\n');
            }
        }
        if (self.owed > 0 || is_first) && self.quotes > 0 {
            self.out.push_str("> ");
        }
        self.owed = 0;
        self.is_fresh = false;
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.flush();
        if self.quotes == 0 {
            self.out.push_str(text);
            return;
        }
        // Code in a quote has line breaks of its own.
        let mut lines = text.split('\n');
        self.out.push_str(lines.next().unwrap_or_default());
        for line in lines {
            self.out.push_str("\n> ");
            self.out.push_str(line);
        }
    }

    fn item(&mut self) {
        let depth = self.lists.len().saturating_sub(1);
        let indent = "  ".repeat(depth);
        let label = match self.lists.last_mut().map(|list| &mut list.next) {
            Some(Some(number)) => {
                let label = format!("{number}. ");
                *number += 1;
                label
            }
            Some(None) | None => "- ".to_owned(),
        };
        self.flush();
        self.out.push_str(&indent);
        self.out.push_str(&label);
        self.is_fresh = true;
    }

    fn mark(&mut self, mark: &str) {
        self.flush();
        self.out.push_str(mark);
    }

    /// A mark around nothing would show as itself.
    fn close_mark(&mut self, mark: &str) {
        if self.out.ends_with(mark) {
            let kept = self.out.len() - mark.len();
            self.out.truncate(kept);
        } else {
            self.out.push_str(mark);
        }
    }

    /// Emphasis inside of a word is arithmetic or a name, and stays as it was written; WhatsApp would not show it either.
    fn open_emphasis(&mut self, range: &Range<usize>, mark: &str) {
        let before = self.source.get(..range.start).unwrap_or_default();
        let after = self.source.get(range.end..).unwrap_or_default();
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_literal = is_word(before.chars().next_back()) || is_word(after.chars().next());
        self.literal.push(is_literal);
        if is_literal {
            let written = self.delimiter(range, mark);
            self.text(&written);
        } else {
            self.mark(mark);
        }
    }

    fn close_emphasis(&mut self, range: &Range<usize>, mark: &str) {
        if self.literal.pop() == Some(true) {
            let written = self.delimiter(range, mark);
            self.text(&written);
        } else {
            self.close_mark(mark);
        }
    }

    /// The mark as it was written in the source.
    fn delimiter(&self, range: &Range<usize>, mark: &str) -> String {
        let length = match mark {
            "_" => 1,
            _ => 2,
        };
        let written = self.source.get(range.clone()).unwrap_or_default();
        written.chars().take(length).collect()
    }

    /// A link's address behind its text, unless the text is the address.
    fn address(&mut self) {
        let Some((from, address)) = self.links.pop() else {
            return;
        };
        let text = self.out.get(from..).unwrap_or_default();
        let bare = |address: &str| {
            address
                .trim_start_matches("mailto:")
                .trim_start_matches("tel:")
                .to_owned()
        };
        let shown = bare(&address);
        if text.is_empty() {
            self.text(&shown);
        } else if text != address && text != shown && !shown.is_empty() {
            self.text(&format!(" ({shown})"));
        }
    }

    fn finish(mut self) -> String {
        let kept = self.out.trim_end().len();
        self.out.truncate(kept);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_become_whatsapps() {
        let cases = [
            ("plain text", "plain text"),
            (
                "**bold** and *slanted* and __bold__",
                "*bold* and _slanted_ and *bold*",
            ),
            ("***both***", "_*both*_"),
            ("~~gone~~", "~gone~"),
            ("`code` stays", "`code` stays"),
            ("# Title\n\nText", "*Title*\n\nText"),
            ("one\ntwo", "one\ntwo"),
            ("one\n\ntwo", "one\n\ntwo"),
            ("- a\n- b\n  - c\n\nend", "- a\n- b\n  - c\n\nend"),
            ("3. a\n4. b", "3. a\n4. b"),
            ("> said\n> so\n\nyes", "> said\n> so\n\nyes"),
            ("```rust\nlet x = 1;\n```", "```let x = 1;```"),
            (
                "see [the page](https://a.example/b)",
                "see the page (https://a.example/b)",
            ),
            ("<https://a.example>", "https://a.example"),
            (
                "[https://a.example](https://a.example)",
                "https://a.example",
            ),
            ("| a | b |\n|---|---|\n| 1 | 2 |", "a | b\n1 | 2"),
            ("- [x] done", "- [x] done"),
            ("**bold\\*star**", "*bold*star*"),
        ];
        for (markdown, whatsapp) in cases {
            assert_eq!(to_whatsapp(markdown), whatsapp, "{markdown}");
        }
    }

    #[test]
    fn arithmetic_and_names_stay_as_they_are() {
        for text in [
            "5*3*2 = 30",
            "2 * 3 * 4",
            "file_name_v2.txt",
            "a_b_c",
            "x**2**3",
            "costs 5 < 6 & 7 > 2",
            "a@b.example",
        ] {
            assert_eq!(to_whatsapp(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_word_is_lost(words in proptest::collection::vec("[a-zäß0-9]{1,8}", 1..30)) {
            let text = words.join(" ");
            prop_assert_eq!(to_whatsapp(&text), text);
        }

        #[test]
        fn anything_can_be_rewritten(text in ".{0,200}") {
            let _ = to_whatsapp(&text);
        }
    }
}
