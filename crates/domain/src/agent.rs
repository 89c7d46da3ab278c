//! An agent's configuration: a stored format, only ever extended.

use serde::{Deserialize, Serialize};

/// Whether an agent answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentMode {
    /// Answers.
    #[default]
    Active,
    /// Answers only where a conversation names it.
    Draft,
    /// Never answers.
    Inactive,
}

impl AgentMode {
    /// The word in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draft => "draft",
            Self::Inactive => "inactive",
        }
    }
}

/// Where error messages of an agent go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorDirection {
    /// Seen by the organization only.
    #[default]
    Internal,
    /// Sent to the contact.
    Outgoing,
}

/// How a model is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// OpenAI-compatible chat completions.
    #[default]
    ChatCompletions,
}

/// An agent's configuration, without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Provider name (`openai`, `groq`, …) or the base URL of a compatible API.
    #[serde(default = "default_provider")]
    pub provider: String,
    /// The model's name; empty takes the installation's default.
    #[serde(default)]
    pub model: String,
    /// The wire format.
    #[serde(default)]
    pub protocol: Protocol,
    /// The system prompt.
    #[serde(default)]
    pub instructions: String,
    /// How many of the latest messages the model sees, 1 to 200.
    #[serde(default = "default_max_messages")]
    pub max_messages: u16,
    /// Sampling temperature, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Longest answer in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// How long to wait for further messages before answering, in seconds, 0 to 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_delay_seconds: Option<u16>,
    /// Sent once when a conversation starts, before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welcome_message: Option<String>,
    /// Where errors go.
    #[serde(default)]
    pub error_messages_direction: ErrorDirection,
    /// Answer in groups too, where many people read and most do not write to the business. Without it an agent
    /// answers in a group only when the group's conversation names it.
    #[serde(default)]
    pub answers_in_groups: bool,
    /// Mark the contact's message as read and show typing while the model works.
    #[serde(default = "yes")]
    pub read_and_typing: bool,
}

fn default_provider() -> String {
    "openai".to_owned()
}

const fn default_max_messages() -> u16 {
    50
}

const fn yes() -> bool {
    true
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            provider: default_provider(),
            model: String::new(),
            protocol: Protocol::default(),
            instructions: String::new(),
            max_messages: default_max_messages(),
            temperature: None,
            max_tokens: None,
            response_delay_seconds: None,
            answers_in_groups: false,
            welcome_message: None,
            error_messages_direction: ErrorDirection::default(),
            read_and_typing: true,
        }
    }
}

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {rule}")]
pub struct InvalidAgent {
    /// The field at fault.
    pub field: &'static str,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl AgentConfig {
    /// Checks ranges.
    ///
    /// # Errors
    /// The first field out of range.
    pub fn validate(&self) -> Result<(), InvalidAgent> {
        let fail = |field, rule| Err(InvalidAgent { field, rule });
        if self.provider.trim().is_empty() {
            return fail("provider", "must not be empty");
        }
        if !(1..=200).contains(&self.max_messages) {
            return fail("max_messages", "must be 1 to 200");
        }
        if self.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
            return fail("temperature", "must be 0 to 2");
        }
        if self.max_tokens == Some(0) {
            return fail("max_tokens", "must be at least 1");
        }
        if self.response_delay_seconds.is_some_and(|s| s > 300) {
            return fail("response_delay_seconds", "must be 0 to 300");
        }
        if self.instructions.len() > 100_000 {
            return fail("instructions", "must be at most 100000 bytes");
        }
        if let Some(welcome) = &self.welcome_message
            && (welcome.is_empty() || welcome.chars().count() > crate::outgoing::TEXT_MAX)
        {
            return fail("welcome_message", "must have 1 to 4096 characters");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_document_is_a_working_agent() {
        let config: AgentConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config, AgentConfig::default());
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn a_field_out_of_range_is_named() {
        let config = AgentConfig {
            max_messages: 0,
            ..AgentConfig::default()
        };
        assert_eq!(config.validate().unwrap_err().field, "max_messages");
    }
}
