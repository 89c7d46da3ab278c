//! From the model's words to WhatsApp messages: cleaned, formatted for a phone, and cut where a reader would pause.

use sb_domain::formatting::to_whatsapp;
use sb_domain::outgoing::{TEXT_MAX, split};
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
    let mut messages = split(&to_whatsapp(&clean(words)), TEXT_MAX);
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

#[cfg(test)]
mod tests {
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
    fn markdown_becomes_what_a_phone_shows() {
        let made = reply(&answer("## Prices\n\n**Roses**: 5*2 = 10", None));
        assert_eq!(made.messages, ["*Prices*\n\n*Roses*: 5*2 = 10"]);
    }

    #[test]
    fn an_endless_answer_is_cut() {
        let made = reply(&answer(&"word ".repeat(20_000), None));
        assert_eq!(made.messages.len(), MESSAGES_MAX);
        assert!(made.is_cut);
    }
}
