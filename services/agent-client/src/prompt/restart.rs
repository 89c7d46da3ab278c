//! `/new`: a contact starts over.

use sb_db::{Author, ContextMessage};
use sb_domain::content::{MessageContent, Part};

const COMMAND: &str = "/new";

/// What is left of a text after the command at its start; `None` when there is no command.
fn after_command(text: &str) -> Option<&str> {
    let rest = text.trim_start().strip_prefix(COMMAND)?;
    // `/newsletter` is a word, not the command.
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim_start())
}

fn rest_of(message: &ContextMessage) -> Option<&str> {
    match (&message.content.part, message.author) {
        (Part::Text { body, .. }, Author::Contact) => after_command(body),
        _ => None,
    }
}

/// The messages since the contact last wrote the command, without the command itself. It goes on counting for
/// later messages, otherwise the next one would bring everything back.
pub(super) fn current(messages: &[ContextMessage]) -> Vec<ContextMessage> {
    let found = messages
        .iter()
        .enumerate()
        .rev()
        .find_map(|(position, message)| Some((position, rest_of(message)?.to_owned())));
    let Some((position, rest)) = found else {
        return messages.to_vec();
    };
    let mut history = messages.get(position..).unwrap_or_default().to_vec();
    if let Some(first) = history.first_mut() {
        first.content = MessageContent {
            part: Part::Text {
                body: rest,
                preview_url: false,
                utility: false,
            },
            // What was quoted belongs to the past.
            reply_to: None,
            ..first.content.clone()
        };
    }
    history
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_a_word_of_its_own_at_the_start() {
        assert_eq!(after_command("/new hello"), Some("hello"));
        assert_eq!(after_command("  /new\nhello"), Some("hello"));
        assert_eq!(after_command("/new"), Some(""));
        assert_eq!(after_command("/newsletter"), None);
        assert_eq!(after_command("what is /new"), None);
    }
}
