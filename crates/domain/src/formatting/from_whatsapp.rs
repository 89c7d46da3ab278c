//! WhatsApp's marks to Markdown.

/// Marks of WhatsApp's with Markdown's.
const MARKS: [(char, &str); 3] = [('*', "**"), ('_', "_"), ('~', "~~")];
const FENCE: &str = "```";

/// Rewrites what a person formatted on a phone as Markdown. A mark counts where WhatsApp shows it: around something that
/// begins and ends without a space, on one line, and not inside of a word.
pub fn to_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(FENCE) {
        let Some((code, following)) = after.split_once(FENCE) else {
            break;
        };
        lines(before, &mut out);
        fenced(code, &mut out);
        rest = following;
    }
    lines(rest, &mut out);
    out
}

/// A block of code; in Markdown its fences stand on lines of their own.
fn fenced(code: &str, out: &mut String) {
    if code.trim().is_empty() {
        out.push_str(FENCE);
        out.push_str(code);
        out.push_str(FENCE);
    } else if code.contains('\n') {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(FENCE);
        out.push('\n');
        out.push_str(code.trim_matches('\n'));
        out.push('\n');
        out.push_str(FENCE);
        out.push('\n');
    } else {
        out.push('`');
        out.push_str(code);
        out.push('`');
    }
}

fn lines(text: &str, out: &mut String) {
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        marked(line, None, out);
    }
}

/// One line. `before` is what stands in front of it.
fn marked(line: &str, mut before: Option<char>, out: &mut String) {
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        if let Some((inner, after)) = code(rest) {
            out.push('`');
            out.push_str(inner);
            out.push('`');
            before = Some('`');
            rest = after;
            continue;
        }
        if let Some((markdown, inner, after)) = span(rest, before) {
            out.push_str(markdown);
            marked(inner, Some(character), out);
            out.push_str(markdown);
            before = Some(character);
            rest = after;
            continue;
        }
        out.push(character);
        before = Some(character);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
}

fn code(rest: &str) -> Option<(&str, &str)> {
    let (inner, after) = rest.strip_prefix('`')?.split_once('`')?;
    (!inner.is_empty()).then_some((inner, after))
}

/// What is between two marks, when WhatsApp would show it as marked.
fn span(rest: &str, before: Option<char>) -> Option<(&'static str, &str, &str)> {
    let (mark, markdown) = MARKS
        .into_iter()
        .find(|(mark, _)| rest.starts_with(*mark))?;
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let inside = rest.get(mark.len_utf8()..)?;
    if inside.starts_with(|c: char| c.is_whitespace() || c == mark) {
        return None;
    }
    let ends = inside.match_indices(mark).map(|(at, _)| at);
    for end in ends {
        let (inner, after) = (inside.get(..end)?, inside.get(end + mark.len_utf8()..)?);
        let closes = !inner.is_empty()
            && !inner.ends_with(char::is_whitespace)
            && !after.starts_with(|c: char| c.is_alphanumeric() || c == mark);
        if closes {
            return Some((markdown, inner, after));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::to_whatsapp;
    use super::*;

    #[test]
    fn marks_become_markdowns() {
        let cases = [
            ("*bold* _slanted_ ~gone~", "**bold** _slanted_ ~~gone~~"),
            ("*_both_*", "**_both_**"),
            ("(*bold*)!", "(**bold**)!"),
            ("```one line```", "`one line`"),
            ("see ```a\nb``` there", "see \n```\na\nb\n```\n there"),
            ("`*code*`", "`*code*`"),
            ("> said\n- item", "> said\n- item"),
        ];
        for (whatsapp, markdown) in cases {
            assert_eq!(to_markdown(whatsapp), markdown, "{whatsapp}");
        }
    }

    #[test]
    fn what_whatsapp_shows_plain_stays_plain() {
        for text in [
            "2 * 3 * 4",
            "5*3*2",
            "file_name_v2",
            "* item",
            "*open",
            "**",
            "a ~ b",
        ] {
            assert_eq!(to_markdown(text), text);
        }
    }

    #[test]
    fn the_usual_marks_come_back() {
        for text in [
            "*bold* words",
            "_slanted_",
            "~gone~",
            "`code`",
            "*a* and *b*",
        ] {
            assert_eq!(to_whatsapp(&to_markdown(text)), text);
        }
    }

    proptest! {
        #[test]
        fn no_letter_is_lost(text in "[a-zäß *_~`\\n]{0,80}") {
            let letters = |s: &str| s.chars().filter(|c| c.is_alphabetic()).collect::<String>();
            prop_assert_eq!(letters(&to_markdown(&text)), letters(&text));
        }
    }
}
