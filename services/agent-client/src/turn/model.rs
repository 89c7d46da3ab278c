//! Asking the model an agent is configured with.

use std::time::Duration;

use sb_config::{LlmSettings, Secret};
use sb_db::AnsweringAgent;
use sb_domain::agent::AgentConfig;
use sb_egress::Egress;
use sb_ids::OrganizationId;
use sb_llm::{ChatAnswer, ChatMessage, ChatRequest, LlmError, Provider, UnknownProvider};
use sb_vault::{Binding, SealedSecret, Vault, VaultError};

/// How long a stream of the model may stand still.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    /// The agent names no provider we know.
    #[error("finding the agent's model provider")]
    Provider(#[source] UnknownProvider),
    /// The stored key cannot be opened.
    #[error("opening the agent's model key")]
    Key(#[source] VaultError),
    /// The stored key is not text.
    #[error("reading the agent's model key")]
    KeyText,
    /// The exchange failed.
    #[error("asking the model")]
    Exchange {
        /// How.
        #[source]
        source: LlmError,
        /// What the provider said, without the key.
        said: Option<String>,
    },
}

impl ModelError {
    /// Whether asking again can help.
    pub(super) const fn is_retryable(&self) -> bool {
        match self {
            Self::Exchange { source, .. } => source.is_retryable(),
            Self::Provider(_) | Self::Key(_) | Self::KeyText => false,
        }
    }

    /// When the provider wants to be asked again.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Exchange { source, .. } => source.retry_after(),
            Self::Provider(_) | Self::Key(_) | Self::KeyText => None,
        }
    }

    /// For people of the organization.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::Provider(error) => error.to_string(),
            Self::Key(_) | Self::KeyText => {
                "the agent's model key cannot be opened; enter it again".to_owned()
            }
            Self::Exchange { source, said } => match said {
                Some(said) => format!("{source}: {said}"),
                None => source.to_string(),
            },
        }
    }

    /// A word for metrics.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Provider(_) => "provider",
            Self::Key(_) | Self::KeyText => "key",
            Self::Exchange { source, .. } => source.kind(),
        }
    }
}

/// The way to all models.
#[derive(Debug)]
pub(crate) struct Models {
    egress: Egress,
    settings: LlmSettings,
    vault: Vault,
}

impl Models {
    pub(crate) const fn new(egress: Egress, settings: LlmSettings, vault: Vault) -> Self {
        Self {
            egress,
            settings,
            vault,
        }
    }

    /// Asks for the next words of a chat.
    ///
    /// A provider given by name is the installation's, with its key unless the agent has one. A provider given by URL
    /// comes from a tenant: it gets the agent's key or none, and only public addresses are reached.
    pub(super) async fn complete(
        &self,
        organization: OrganizationId,
        agent: &AnsweringAgent,
        config: &AgentConfig,
        chat: Vec<ChatMessage>,
        timeout: Duration,
    ) -> Result<ChatAnswer, ModelError> {
        let provider = self.provider(organization, agent, config)?;
        let model = match config.model.trim() {
            "" => &self.settings.default_model,
            model => model,
        };
        let mut request = ChatRequest::new(model);
        request.messages = chat;
        request.temperature = config.temperature;
        request.max_tokens = config.max_tokens;
        request.timeout = timeout;
        request.idle_timeout = IDLE_TIMEOUT.min(timeout);
        let answer = provider
            .client(self.egress.clone())
            .complete(&request)
            .await;
        answer.map_err(|source| {
            let said = said(&source, &provider.api_key);
            ModelError::Exchange { source, said }
        })
    }

    fn provider(
        &self,
        organization: OrganizationId,
        agent: &AnsweringAgent,
        config: &AgentConfig,
    ) -> Result<Provider, ModelError> {
        let provider =
            Provider::resolve(&config.provider, &self.settings).map_err(ModelError::Provider)?;
        let Some(sealed) = &agent.model_key_sealed else {
            return Ok(provider);
        };
        let (organization_id, row_id) = (organization.as_uuid(), agent.id.as_uuid());
        let binding = Binding {
            table: "agents",
            column: "model_key_sealed",
            organization_id: organization_id.as_bytes(),
            row_id: row_id.as_bytes(),
        };
        let opened = SealedSecret::from_bytes(sealed.clone())
            .and_then(|sealed| self.vault.open(&binding, &sealed))
            .map_err(ModelError::Key)?;
        let key = opened.expose_str().map_err(|_| ModelError::KeyText)?;
        Ok(provider.with_key(Secret::from(key)))
    }
}

/// The provider's own words, short and without the key.
fn said(error: &LlmError, key: &Secret) -> Option<String> {
    let provider = error.provider_error()?;
    let words = [&provider.kind, &provider.code, &provider.message];
    let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    (!words.is_empty()).then(|| without_key(&words.join(": "), key.expose()))
}

/// Providers quote the key they refuse, whole or its ends; every word that could be one of these goes.
fn without_key(text: &str, key: &str) -> String {
    const SHOWN: usize = 4;
    if key.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let start: String = key.chars().take(SHOWN).collect();
    let end: String = key.chars().skip(key.chars().count() - SHOWN).collect();
    let words = text.split_whitespace().map(|word| {
        if word.contains(&start) || word.contains(&end) {
            "***"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_key_is_not_repeated() {
        let key = "sk-proj-abcdefgh1234";
        let text =
            "Incorrect API key provided: sk-proj-abcdefgh1234, sk-proj*****1234 or ****1234.";
        assert_eq!(
            without_key(text, key),
            "Incorrect API key provided: *** *** or ***"
        );
        assert_eq!(without_key("no such model", ""), "no such model");
    }
}
