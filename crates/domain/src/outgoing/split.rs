//! Cutting a text where a reader would pause.

/// Cuts a text into pieces of at most `limit` characters: between paragraphs, otherwise between lines, sentences or
/// words, and only in a word when there is nothing else.
pub fn split(text: &str, limit: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (piece, after) = cut(rest, limit.max(1));
        if !piece.is_empty() {
            pieces.push(piece.to_owned());
        }
        rest = after;
    }
    pieces
}

/// The first piece and what follows it, both trimmed.
fn cut(text: &str, limit: usize) -> (&str, &str) {
    let Some((end, _)) = text.char_indices().nth(limit) else {
        return (text.trim_end(), "");
    };
    let window = text.get(..end).unwrap_or(text);
    let (piece, after) = text.split_at(border(window));
    (piece.trim_end(), after.trim_start())
}

/// Where to end a piece: the last good border in the window, as a byte position after it. Borders in the first
/// quarter are passed over, as they would leave a scrap.
fn border(window: &str) -> usize {
    let earliest = window.len() / 4;
    let after_last = |pattern: &str| window.rfind(pattern).map(|at| at + pattern.len());
    let paragraph = after_last("\n\n");
    let line = after_last("\n");
    let sentence = sentence_end(window);
    let word = window
        .char_indices()
        .rev()
        .find(|(_, c)| c.is_whitespace())
        .map(|(at, c)| at + c.len_utf8());
    [paragraph, line, sentence, word]
        .into_iter()
        .flatten()
        .find(|at| *at > earliest)
        .unwrap_or(window.len())
}

/// Behind the last sentence: `.`, `!`, `?` or `…` before a space, or a mark that needs none.
fn sentence_end(window: &str) -> Option<usize> {
    let mut following: Option<char> = None;
    for (at, character) in window.char_indices().rev() {
        let ends = match character {
            '.' | '!' | '?' | '…' => following.is_some_and(char::is_whitespace),
            '。' | '！' | '？' => true,
            _ => false,
        };
        if ends {
            return Some(at + character.len_utf8());
        }
        following = Some(character);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_end_at_the_best_border() {
        assert_eq!(
            split("One two.\n\nThree four.", 15),
            ["One two.", "Three four."]
        );
        assert_eq!(
            split("One two.\nThree four.", 15),
            ["One two.", "Three four."]
        );
        assert_eq!(
            split("One two. Three four.", 15),
            ["One two.", "Three four."]
        );
        assert_eq!(split("one two three four", 15), ["one two three", "four"]);
        assert_eq!(split("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(split("一二。三四", 4), ["一二。", "三四"]);
        assert_eq!(split("Version 1.5 is out", 12), ["Version 1.5", "is out"]);
    }

    proptest! {
        #[test]
        fn pieces_fit_and_keep_every_character_in_order(
            text in "([a-zäß。🙂]{0,9}[ .!?\\n]{0,3}){0,60}",
            limit in 1_usize..80,
        ) {
            let pieces = split(&text, limit);
            for piece in &pieces {
                prop_assert!(!piece.trim().is_empty());
                prop_assert!(piece.chars().count() <= limit);
            }
            let bare = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&pieces.concat()), bare(&text));
        }
    }
}
