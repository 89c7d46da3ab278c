//! Where a model is and how we get in.

use sb_config::{LlmSettings, Secret};
use sb_egress::Egress;
use url::Url;

use crate::ChatClient;

/// A place that speaks chat completions.
#[derive(Debug, Clone)]
pub struct Provider {
    /// What comes before `/chat/completions`.
    pub base_url: String,
    /// The key; unset where none is needed.
    pub api_key: Secret,
    /// Whether the operator configured the address, so that it may be private.
    pub trusted: bool,
}

/// A provider that is neither known by name nor a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is no provider: expected openai, anthropic, google, groq or the http(s) URL of an \
     OpenAI-compatible API"
)]
pub struct UnknownProvider {
    /// What was given.
    pub name: String,
}

impl Provider {
    /// Finds a provider by name, or takes a URL as the base of an OpenAI-compatible API.
    ///
    /// Names give the installation's address and key. A URL gives neither trust nor a key: it may
    /// come from a tenant.
    ///
    /// # Errors
    /// [`UnknownProvider`] when it is neither.
    ///
    /// # Source
    /// Google, "OpenAI compatibility": base `…/v1beta/openai`. Anthropic, "OpenAI SDK
    /// compatibility": base `…/v1`.
    pub fn resolve(name_or_url: &str, settings: &LlmSettings) -> Result<Self, UnknownProvider> {
        let wanted = name_or_url.trim();
        let named = |url: &str, path: &str, key: &Secret| Self {
            base_url: format!("{}{path}", url.trim_end_matches('/')),
            api_key: key.clone(),
            trusted: true,
        };
        match wanted.to_ascii_lowercase().as_str() {
            "openai" => Ok(named(&settings.openai_url, "", &settings.openai_api_key)),
            "groq" => Ok(named(&settings.groq_url, "", &settings.groq_api_key)),
            "google" => Ok(named(
                &settings.google_url,
                "/v1beta/openai",
                &settings.google_api_key,
            )),
            "anthropic" => Ok(named(
                &settings.anthropic_url,
                "/v1",
                &settings.anthropic_api_key,
            )),
            _ => match Url::parse(wanted) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(Self {
                    base_url: wanted.trim_end_matches('/').to_owned(),
                    api_key: Secret::default(),
                    trusted: false,
                }),
                Ok(_) | Err(_) => Err(UnknownProvider {
                    name: wanted.chars().take(100).collect(),
                }),
            },
        }
    }

    /// Uses an organization's own key instead.
    #[must_use]
    pub fn with_key(mut self, key: Secret) -> Self {
        self.api_key = key;
        self
    }

    /// A client for it.
    pub fn client(&self, egress: Egress) -> ChatClient {
        ChatClient::new(egress, &self.base_url, self.api_key.clone(), self.trusted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> LlmSettings {
        LlmSettings {
            openai_url: "http://127.0.0.1:9/v1/".to_owned(),
            openai_api_key: Secret::from("sk-1"),
            google_url: "http://127.0.0.1:9".to_owned(),
            ..LlmSettings::default()
        }
    }

    #[test]
    fn a_name_gives_the_operators_address_and_key() {
        let openai = Provider::resolve(" OpenAI ", &settings()).unwrap();
        assert_eq!(openai.base_url, "http://127.0.0.1:9/v1");
        assert_eq!(openai.api_key.expose(), "sk-1");
        assert!(openai.trusted);
        let google = Provider::resolve("google", &settings()).unwrap();
        assert_eq!(google.base_url, "http://127.0.0.1:9/v1beta/openai");
        let groq = Provider::resolve("groq", &settings()).unwrap();
        assert_eq!(groq.base_url, "https://api.groq.com/openai/v1");
    }

    #[test]
    fn a_url_gets_neither_trust_nor_the_installations_key() {
        let own = Provider::resolve("https://models.example.com/v1/", &settings()).unwrap();
        assert_eq!(own.base_url, "https://models.example.com/v1");
        assert!(!own.api_key.is_set());
        assert!(!own.trusted);
        assert_eq!(own.with_key(Secret::from("k")).api_key.expose(), "k");
    }

    #[test]
    fn anything_else_is_refused() {
        for name in ["", "opnai", "file:///etc/passwd", "ftp://x/", "http://"] {
            assert!(Provider::resolve(name, &settings()).is_err(), "{name}");
        }
    }
}
