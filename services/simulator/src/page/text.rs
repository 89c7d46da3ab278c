//! WhatsApp's formatting: `*bold*`, `_italic_`, `~strike~`, `` `code` ``, links.

/// A run of text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// `plain`, `bold`, `italic`, `strike`, `code` or `link`.
    pub(crate) style: &'static str,
    pub(crate) text: String,
}

/// Splits a text into runs. Marks count only around something and at word edges.
pub(crate) fn spans(text: &str) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    let mut rest = text;
    let mut previous = ' ';
    while let Some(next) = rest.chars().next() {
        let styled = if previous.is_alphanumeric() {
            None
        } else {
            marked(rest).or_else(|| link(rest))
        };
        if let Some((span, tail)) = styled {
            found.push(span);
            rest = tail;
            previous = ' ';
            continue;
        }
        match found.last_mut() {
            Some(last) if last.style == "plain" => last.text.push(next),
            _ => found.push(Span {
                style: "plain",
                text: next.to_string(),
            }),
        }
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
        previous = next;
    }
    found
}

fn marked(rest: &str) -> Option<(Span, &str)> {
    let mark = rest.chars().next()?;
    let style = match mark {
        '*' => "bold",
        '_' => "italic",
        '~' => "strike",
        '`' => "code",
        _ => return None,
    };
    let (inside, tail) = rest.get(1..)?.split_once(mark)?;
    let is_word = tail.chars().next().is_some_and(char::is_alphanumeric);
    let is_empty = inside.trim().is_empty() || inside != inside.trim();
    if is_word || is_empty || inside.contains('\n') {
        return None;
    }
    let span = Span {
        style,
        text: inside.to_owned(),
    };
    Some((span, tail))
}

fn link(rest: &str) -> Option<(Span, &str)> {
    if !rest.starts_with("https://") && !rest.starts_with("http://") {
        return None;
    }
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let url = rest.get(..end)?.trim_end_matches(['.', ',', ')', '!', '?']);
    let span = Span {
        style: "link",
        text: url.to_owned(),
    };
    Some((span, rest.get(url.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn styles(text: &str) -> Vec<(&'static str, String)> {
        spans(text)
            .into_iter()
            .map(|span| (span.style, span.text))
            .collect()
    }

    #[test]
    fn marks_style_what_is_between_them() {
        assert_eq!(
            styles("a *b c* _d_"),
            [
                ("plain", "a ".to_owned()),
                ("bold", "b c".to_owned()),
                ("plain", " ".to_owned()),
                ("italic", "d".to_owned()),
            ]
        );
    }

    #[test]
    fn arithmetic_and_snake_case_stay_plain() {
        for text in ["2 * 3 * 4", "snake_case_name", "* item", "a*b*c"] {
            assert_eq!(styles(text), [("plain", text.to_owned())]);
        }
    }

    #[test]
    fn link_ends_before_punctuation() {
        assert_eq!(
            styles("see https://a.b/c.")[1],
            ("link", "https://a.b/c".to_owned())
        );
    }

    #[test]
    fn runs_together_never_lose_characters_of_unmarked_text() {
        let text = "ñandú 😀 https://x.y/ü (z)";
        let joined: String = spans(text).into_iter().map(|span| span.text).collect();
        assert_eq!(joined, text);
    }
}
