//! What a model is asked.

use std::{fmt, time::Duration};

use serde_json::{Map, Value, json};

/// One question to a model.
#[derive(Clone, PartialEq)]
pub struct ChatRequest {
    /// The model's name.
    pub model: String,
    /// The conversation, oldest first.
    pub messages: Vec<ChatMessage>,
    /// Sampling temperature; the model's own without it. Reasoning models refuse any.
    pub temperature: Option<f64>,
    /// Longest answer in tokens.
    pub max_tokens: Option<u32>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether the answer is asked for piece by piece.
    pub stream: bool,
    /// How long the whole exchange may take.
    pub timeout: Duration,
    /// How long a stream may stand still, before its first piece as well.
    pub idle_timeout: Duration,
}

impl ChatRequest {
    /// An empty, streaming request of at most two minutes.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            messages: Vec::new(),
            temperature: None,
            max_tokens: None,
            tools: Vec::new(),
            stream: true,
            timeout: Duration::from_mins(2),
            idle_timeout: Duration::from_mins(1),
        }
    }
}

/// Prompts are not printed.
impl fmt::Debug for ChatRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatRequest")
            .field("model", &self.model)
            .field("messages", &self.messages.len())
            .field("tools", &self.tools.len())
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

/// One message of the conversation with the model.
#[derive(Clone, PartialEq, Eq)]
pub enum ChatMessage {
    /// Instructions.
    System(String),
    /// What the contact says and shows.
    User(Vec<ContentPart>),
    /// What the model said and called before.
    Assistant {
        /// Its words; may be empty when it only called.
        text: String,
        /// Its calls.
        tool_calls: Vec<ToolCall>,
    },
    /// What a call returned.
    Tool {
        /// Id of the call.
        call_id: String,
        /// The result.
        content: String,
    },
}

impl ChatMessage {
    /// Instructions.
    pub fn system(text: impl Into<String>) -> Self {
        Self::System(text.into())
    }

    /// Words of the contact.
    pub fn user(text: impl Into<String>) -> Self {
        Self::User(vec![ContentPart::Text(text.into())])
    }

    /// Words of the model.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::Assistant {
            text: text.into(),
            tool_calls: Vec::new(),
        }
    }

    const fn role(&self) -> &'static str {
        match self {
            Self::System(_) => "system",
            Self::User(_) => "user",
            Self::Assistant { .. } => "assistant",
            Self::Tool { .. } => "tool",
        }
    }
}

/// What is said is not printed.
impl fmt::Debug for ChatMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChatMessage({})", self.role())
    }
}

/// A part of what the contact says and shows.
#[derive(Clone, PartialEq, Eq)]
pub enum ContentPart {
    /// Words.
    Text(String),
    /// A picture, by `https:` or `data:` address.
    ImageUrl(String),
}

impl fmt::Debug for ContentPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::ImageUrl(_) => "ImageUrl",
        })
    }
}

/// Something the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
}

/// A call the model makes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Repeated by the result.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// JSON as the model wrote it; not necessarily valid.
    pub arguments: String,
}

/// Arguments may be personal and are not printed.
impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The name of the limit on answer tokens: OpenAI's newer models refuse the old one, many
/// compatible servers do not know the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenLimit {
    MaxTokens,
    MaxCompletionTokens,
}

impl TokenLimit {
    const fn field(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

impl ChatRequest {
    /// The body of `POST /chat/completions`.
    pub(super) fn to_body(&self, limit: TokenLimit) -> Value {
        let mut body = Map::new();
        body.insert("model".to_owned(), self.model.as_str().into());
        let messages: Vec<Value> = self.messages.iter().map(message).collect();
        body.insert("messages".to_owned(), messages.into());
        if let Some(temperature) = self.temperature {
            body.insert("temperature".to_owned(), temperature.into());
        }
        if let Some(tokens) = self.max_tokens {
            body.insert(limit.field().to_owned(), tokens.into());
        }
        if !self.tools.is_empty() {
            let tools: Vec<Value> = self.tools.iter().map(tool).collect();
            body.insert("tools".to_owned(), tools.into());
        }
        if self.stream {
            body.insert("stream".to_owned(), true.into());
            // Without it a stream does not say what it cost.
            body.insert(
                "stream_options".to_owned(),
                json!({ "include_usage": true }),
            );
        }
        Value::Object(body)
    }
}

fn message(message: &ChatMessage) -> Value {
    let role = message.role();
    match message {
        ChatMessage::System(text) => json!({ "role": role, "content": text }),
        ChatMessage::User(parts) => json!({ "role": role, "content": user_content(parts) }),
        ChatMessage::Assistant { text, tool_calls } if tool_calls.is_empty() => {
            json!({ "role": role, "content": text })
        }
        ChatMessage::Assistant { text, tool_calls } => {
            let content = if text.is_empty() {
                Value::Null
            } else {
                text.as_str().into()
            };
            let calls: Vec<Value> = tool_calls.iter().map(call).collect();
            json!({ "role": role, "content": content, "tool_calls": calls })
        }
        ChatMessage::Tool { call_id, content } => {
            json!({ "role": role, "tool_call_id": call_id, "content": content })
        }
    }
}

/// A single text goes as a string: some compatible servers know no parts.
fn user_content(parts: &[ContentPart]) -> Value {
    if let [ContentPart::Text(text)] = parts {
        return text.as_str().into();
    }
    parts
        .iter()
        .map(|part| match part {
            ContentPart::Text(text) => json!({ "type": "text", "text": text }),
            ContentPart::ImageUrl(url) => {
                json!({ "type": "image_url", "image_url": { "url": url } })
            }
        })
        .collect()
}

fn call(call: &ToolCall) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": { "name": call.name, "arguments": call.arguments },
    })
}

fn tool(tool: &Tool) -> Value {
    json!({
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_with_a_picture_and_a_call_has_the_documented_form() {
        let mut request = ChatRequest::new("gpt-5-mini");
        request.max_tokens = Some(100);
        request.tools.push(Tool {
            name: "add".to_owned(),
            description: "Adds.".to_owned(),
            parameters: json!({"type": "object"}),
        });
        request.messages = vec![
            ChatMessage::system("be brief"),
            ChatMessage::User(vec![
                ContentPart::Text("what is it?".to_owned()),
                ContentPart::ImageUrl("https://x/y.png".to_owned()),
            ]),
            ChatMessage::Assistant {
                text: String::new(),
                tool_calls: vec![ToolCall {
                    id: "c1".to_owned(),
                    name: "add".to_owned(),
                    arguments: "{}".to_owned(),
                }],
            },
            ChatMessage::Tool {
                call_id: "c1".to_owned(),
                content: "2".to_owned(),
            },
            ChatMessage::assistant("two"),
            ChatMessage::user("thanks"),
        ];
        assert_eq!(
            request.to_body(TokenLimit::MaxCompletionTokens),
            json!({
                "model": "gpt-5-mini",
                "messages": [
                    {"role": "system", "content": "be brief"},
                    {"role": "user", "content": [
                        {"type": "text", "text": "what is it?"},
                        {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]},
                    {"role": "tool", "tool_call_id": "c1", "content": "2"},
                    {"role": "assistant", "content": "two"},
                    {"role": "user", "content": "thanks"},
                ],
                "max_completion_tokens": 100,
                "tools": [{"type": "function", "function":
                    {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}],
                "stream": true,
                "stream_options": {"include_usage": true},
            })
        );
    }

    #[test]
    fn what_is_not_asked_for_is_not_sent() {
        let mut request = ChatRequest::new("m");
        request.stream = false;
        assert_eq!(
            request.to_body(TokenLimit::MaxTokens),
            json!({"model": "m", "messages": []})
        );
    }

    #[test]
    fn prompts_do_not_print() {
        let mut request = ChatRequest::new("m");
        request.messages.push(ChatMessage::user("secret plans"));
        assert!(!format!("{request:?} {:?}", request.messages).contains("secret"));
    }
}
