//! What a chat completion request says, and whether a provider would take it.

use std::collections::HashSet;

use serde_json::Value;

/// The last thing said, in the words the echo uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LastWord {
    /// Text of the last user message.
    pub(crate) user_text: String,
    /// Its images.
    pub(crate) images: usize,
    /// Content of a tool's answer, when that came last.
    pub(crate) tool: Option<String>,
}

/// Why a provider refuses the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    pub(crate) message: String,
    pub(crate) param: String,
}

fn refuse<T>(message: impl Into<String>, param: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        message: message.into(),
        param: param.into(),
    })
}

/// Checks the messages as providers do: roles, and that tool calls and tool
/// messages answer each other.
pub(crate) fn check(request: &Value) -> Result<LastWord, Refusal> {
    if request.get("model").and_then(Value::as_str).is_none() {
        return refuse("you must provide a model parameter", "model");
    }
    let messages = request
        .get("messages")
        .and_then(Value::as_array)
        .filter(|messages| !messages.is_empty());
    let Some(messages) = messages else {
        return refuse("[] is too short - 'messages'", "messages");
    };
    let mut last = LastWord::default();
    let mut open: HashSet<&str> = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        let param = format!("messages.[{index}].role");
        let role = message.get("role").and_then(Value::as_str);
        if role != Some("tool") && !open.is_empty() {
            return refuse(
                "An assistant message with 'tool_calls' must be followed by tool messages \
                 responding to each 'tool_call_id'.",
                param,
            );
        }
        match role {
            Some("user") => {
                last = user(message);
            }
            Some("tool") => {
                let id = message.get("tool_call_id").and_then(Value::as_str);
                if !id.is_some_and(|id| open.remove(id)) {
                    return refuse(
                        "messages with role 'tool' must be a response to a preceding message \
                         with 'tool_calls'.",
                        param,
                    );
                }
                last.tool = Some(text_of(message.get("content")));
            }
            Some("assistant") => {
                let calls = message.get("tool_calls").and_then(Value::as_array);
                let ids = calls.into_iter().flatten();
                open.extend(ids.filter_map(|call| call.get("id")?.as_str()));
                last.tool = None;
            }
            Some("system" | "developer") => {}
            _ => return refuse("Invalid value for 'role'", param),
        }
    }
    if !open.is_empty() {
        return refuse(
            "An assistant message with 'tool_calls' must be followed by tool messages \
             responding to each 'tool_call_id'.",
            "messages",
        );
    }
    Ok(last)
}

fn user(message: &Value) -> LastWord {
    let content = message.get("content");
    let parts = content.and_then(Value::as_array);
    let is_image = |part: &&Value| part.get("type").and_then(Value::as_str) == Some("image_url");
    LastWord {
        user_text: text_of(content),
        images: parts.map_or(0, |parts| parts.iter().filter(is_image).count()),
        tool: None,
    }
}

/// Text of a content: a string, or the text parts of a list.
fn text_of(content: Option<&Value>) -> String {
    let Some(content) = content else {
        return String::new();
    };
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let parts = content.as_array().into_iter().flatten();
    let texts: Vec<&str> = parts
        .filter_map(|part| part.get("text")?.as_str())
        .collect();
    texts.join("\n")
}

impl LastWord {
    /// The answer when no script says another.
    pub(crate) fn echo(&self) -> String {
        if let Some(tool) = &self.tool {
            return format!("The tool said: {tool}");
        }
        let images = match self.images {
            0 => String::new(),
            1 => "1 image".to_owned(),
            many => format!("{many} images"),
        };
        match (self.user_text.is_empty(), images.is_empty()) {
            (false, true) => format!("You said: {}", self.user_text),
            (false, false) => format!("You said: {} (with {images})", self.user_text),
            (true, false) => format!("You sent {images}."),
            (true, true) => "You said nothing.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(messages: &Value) -> Value {
        json!({"model": "m", "messages": messages})
    }

    #[test]
    fn echo_repeats_the_last_user_text_and_counts_images() {
        let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}});
        let content = json!([{"type": "text", "text": "look"}, image, image]);
        let messages = json!([
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": content},
        ]);
        let last = check(&request(&messages)).unwrap();
        assert_eq!(last.echo(), "You said: look (with 2 images)");
    }

    #[test]
    fn tool_messages_must_answer_the_calls_before_them() {
        let call = json!({"role": "assistant", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
        let answer = json!({"role": "tool", "tool_call_id": "c1", "content": "42"});
        let user = json!({"role": "user", "content": "hi"});
        let good = check(&request(&json!([user, call, answer]))).unwrap();
        assert_eq!(good.echo(), "The tool said: 42");
        assert!(check(&request(&json!([user, answer]))).is_err());
        assert!(check(&request(&json!([user, call]))).is_err());
        assert!(check(&request(&json!([call, user]))).is_err());
    }
}
