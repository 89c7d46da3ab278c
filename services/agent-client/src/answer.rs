//! From the model's words to WhatsApp messages: cleaned, and cut where a reader would pause.

use sb_domain::outgoing::TEXT_MAX;
use sb_llm::ChatAnswer;

use crate::prompt::FROM_TEAM;

/// Messages one answer may become; a model that does not stop talking shall not flood a phone.
const MESSAGES_MAX: usize = 10;

/// What a model's answer becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The messages, in order; none when the model chose to say nothing.
    pub(crate) messages: Vec<String>,
    /// The answer was longer than what is sent.
    pub(crate) is_cut: bool,
}

/// Makes messages of an answer.
pub(crate) fn reply(answer: &ChatAnswer) -> Reply {
    let words = if answer.text.trim().is_empty() {
        answer.refusal.as_deref().unwrap_or_default()
    } else {
        &answer.text
    };
    let mut messages = split(&clean(words), TEXT_MAX);
    let is_cut = messages.len() > MESSAGES_MAX;
    messages.truncate(MESSAGES_MAX);
    Reply { messages, is_cut }
}

/// Removes what must not reach a phone or the database: NUL, which JSON columns refuse, and our own mark.
fn clean(text: &str) -> String {
    let text = text.replace('\0', "");
    let mut rest = text.trim();
    while let Some(after) = rest.strip_prefix(FROM_TEAM) {
        rest = after.trim_start();
    }
    rest.to_owned()
}

/// Cuts a text into pieces of at most `limit` characters: between paragraphs, otherwise between lines, sentences or
/// words, and only in a word when there is nothing else.
pub(crate) fn split(text: &str, limit: usize) -> Vec<String> {
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
    use sb_llm::FinishReason;

    use super::*;

    fn answer(text: &str, refusal: Option<&str>) -> ChatAnswer {
        ChatAnswer {
            text: text.to_owned(),
            tool_calls: Vec::new(),
            finish_reason: FinishReason::Stop,
            usage: None,
            refusal: refusal.map(str::to_owned),
            model: None,
            id: None,
        }
    }

    #[test]
    fn an_ordinary_answer_is_one_message() {
        let made = reply(&answer("  Hello!\n\nHow are you?  ", None));
        assert_eq!(made.messages, ["Hello!\n\nHow are you?"]);
        assert!(!made.is_cut);
    }

    #[test]
    fn silence_is_no_message_and_a_refusal_is_an_answer() {
        assert!(reply(&answer(" \n", None)).messages.is_empty());
        let refused = reply(&answer("", Some("I cannot help with that.")));
        assert_eq!(refused.messages, ["I cannot help with that."]);
    }

    #[test]
    fn marks_and_nul_do_not_reach_the_phone() {
        let made = reply(&answer("<from_team/>\n <from_team/>a\0b", None));
        assert_eq!(made.messages, ["ab"]);
    }

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

    #[test]
    fn an_endless_answer_is_cut() {
        let made = reply(&answer(&"word ".repeat(20_000), None));
        assert_eq!(made.messages.len(), MESSAGES_MAX);
        assert!(made.is_cut);
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
