//! Tells code, comments and literals of a Rust file apart; no more of the language than that.

/// The text of a string literal and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Literal {
    /// Counted from 1.
    pub(crate) line: usize,
    /// As written, without the quotes.
    pub(crate) text: String,
}

/// A file, taken apart. Lines keep their numbers.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    /// The code: comments are gone, and the characters of literals are `~`.
    pub(crate) code: String,
    /// Nothing but the comments.
    pub(crate) comments: String,
    /// The string literals in order.
    pub(crate) literals: Vec<Literal>,
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    out: Lexed,
}

/// Takes a file apart.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer {
        rest: text,
        line: 1,
        out: Lexed::default(),
    };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.out
}

impl<'a> Lexer<'a> {
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            self.comment(end);
        } else if rest.starts_with("/*") {
            self.comment(block_comment(rest));
        } else if let Some(after) = rest.strip_prefix('"') {
            self.string(1, quoted(after), 1);
        } else if rest.starts_with('\'') {
            self.quote();
        } else if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            self.word();
        } else {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            self.code(length);
        }
    }

    /// A word, or the prefix of a literal.
    fn word(&mut self) {
        let rest = self.rest;
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let hashes = after.len() - after.trim_start_matches('#').len();
        let is_string = after[hashes..].starts_with('"');
        if is_string && ["r", "br", "cr"].contains(&word) {
            let start = end + hashes + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            let length = rest[start..].find(&close).unwrap_or(rest.len() - start);
            self.string(start, length, close.len());
        } else if is_string && hashes == 0 && ["b", "c"].contains(&word) {
            self.string(end + 1, quoted(&after[1..]), 1);
        } else {
            self.code(end);
        }
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        let after = &self.rest[1..];
        let mut characters = after.chars();
        let length = match (characters.next(), characters.next()) {
            (Some('\\'), Some(escaped)) => {
                let start = 1 + escaped.len_utf8();
                after[start..].find('\'').map(|end| start + end)
            }
            (Some(one), Some('\'')) => Some(one.len_utf8()),
            _ => None,
        };
        match length {
            Some(length) => self.hide(length + 2),
            None => self.code(1),
        }
    }

    fn string(&mut self, open: usize, length: usize, close: usize) {
        self.out.literals.push(Literal {
            line: self.line,
            text: self.rest[open..open + length].to_owned(),
        });
        self.hide((open + length + close).min(self.rest.len()));
    }

    fn code(&mut self, length: usize) {
        let text = self.take(length);
        self.out.code.push_str(text);
        self.out
            .comments
            .extend(text.chars().filter(|c| *c == '\n'));
    }

    fn hide(&mut self, length: usize) {
        let text = self.take(length);
        let hidden = text
            .chars()
            .map(|c| if c.is_whitespace() { c } else { '~' });
        self.out.code.extend(hidden);
        self.out
            .comments
            .extend(text.chars().filter(|c| *c == '\n'));
    }

    fn comment(&mut self, length: usize) {
        let text = self.take(length);
        self.out.comments.push_str(text);
        self.out.code.extend(text.chars().filter(|c| *c == '\n'));
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.line += taken.matches('\n').count();
        taken
    }
}

/// Length of a string up to its closing quote.
fn quoted(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len().saturating_sub(1)
}

/// Length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let here = &text[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[test]
fn code_comments_and_literals_are_told_apart() {
    let text = "let a = \"x // \\\" y\"; // one\nlet b = r#\"a\"b\"#; /* two /* three */ */\nlet c: &'a u8 = '\"';\n";
    let lexed = lex(text);
    let literals: Vec<_> = lexed
        .literals
        .iter()
        .map(|l| (l.line, l.text.as_str()))
        .collect();
    assert_eq!(literals, [(1, "x // \\\" y"), (2, "a\"b")]);
    assert!(lexed.comments.contains("// one") && lexed.comments.contains("/* two /* three */ */"));
    assert!(!lexed.code.contains("one") && !lexed.code.contains('x'));
    assert!(lexed.code.contains("let c: &'a u8 = ~~~;"));
    assert_eq!(lexed.code.lines().count(), 3);
}
