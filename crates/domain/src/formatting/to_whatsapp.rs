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

/// What became of an emphasis where it began.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    /// Its mark was written, and its text begins here.
    At(usize),
    /// It is none, as in `5*3*2`: its marks are kept as they were written.
    Literal,
    /// What is around it says the same.
    Silent,
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
    /// What became of each opened emphasis.
    opened: Vec<Opened>,
    in_heading: bool,
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
            opened: Vec::new(),
            in_heading: false,
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
                self.open("*");
                self.in_heading = true;
            }
            Tag::BlockQuote(_) => {
                self.block();
                self.quotes += 1;
            }
            // The name of the language means nothing on a phone.
            Tag::CodeBlock(_) => {
                self.block();
                self.open("```");
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
                self.in_heading = false;
                self.close("*");
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
                self.close("```");
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

    fn open(&mut self, mark: &str) {
        self.flush();
        self.out.push_str(mark);
        self.opened.push(Opened::At(self.out.len()));
    }

    /// A mark around nothing would show as itself.
    fn close(&mut self, mark: &str) {
        match self.opened.pop() {
            Some(Opened::At(from)) if from == self.out.len() => {
                self.out.truncate(from.saturating_sub(mark.len()));
            }
            Some(Opened::At(_)) => self.out.push_str(mark),
            Some(Opened::Literal | Opened::Silent) | None => {}
        }
    }

    /// Emphasis inside of a word or a number is a name or arithmetic, and stays as it was written; WhatsApp would not show
    /// it either. Languages that put no spaces between words are not meant.
    fn open_emphasis(&mut self, range: &Range<usize>, mark: &str) {
        let before = self.source.get(..range.start).unwrap_or_default();
        let after = self.source.get(range.end..).unwrap_or_default();
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let is_within_literal = self.opened.last() == Some(&Opened::Literal);
        if is_within_literal || is_word(before.chars().next_back()) || is_word(after.chars().next())
        {
            let written = self.delimiter(range, mark);
            self.text(&written);
            self.opened.push(Opened::Literal);
        } else if self.in_heading && mark == "*" {
            self.opened.push(Opened::Silent);
        } else {
            self.open(mark);
        }
    }

    fn close_emphasis(&mut self, range: &Range<usize>, mark: &str) {
        if self.opened.last() == Some(&Opened::Literal) {
            let written = self.delimiter(range, mark);
            self.text(&written);
        }
        self.close(mark);
    }

    /// The mark as it was written in the source: the characters that its text has on both sides.
    fn delimiter(&self, range: &Range<usize>, mark: &str) -> String {
        let longest = if mark == "_" { 1 } else { 2 };
        let written = self.source.get(range.clone()).unwrap_or_default();
        let same = written
            .chars()
            .zip(written.chars().rev())
            .take(longest)
            .take_while(|(first, last)| first == last && matches!(first, '*' | '_' | '~'));
        same.map(|(first, _)| first).collect()
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
            (
                "## **Prices** of *today*\nText",
                "*Prices of _today_*\n\nText",
            ),
            ("**Note**: yes", "*Note*: yes"),
            ("**粗体**文字", "*粗体*文字"),
            ("> one\n>\n> two", "> one\n\n> two"),
            ("1. a\n   - b\n2. c", "1. a\n  - b\n2. c"),
            ("- a\n\n- b", "- a\n- b"),
            ("a  \nb", "a\nb"),
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
            "a***b***c",
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
