use crate::{Secret, section::section};

section! {
    /// Meta: our apps and the Graph API.
    MetaSettings in meta {
        /// Base URL of the Graph API.
        graph_url: String = "https://graph.facebook.com".to_owned(),
        /// Version of the Graph API, with its `v`.
        api_version: String = "v26.0".to_owned(),
        /// Id of the Meta app; several separated by `|`.
        #[env("META_APP_ID")]
        app_id: String = String::new(),
        /// Secret of the Meta app, which signs webhooks; several separated by `|`, in the order
        /// of the ids.
        #[env("META_APP_SECRET")]
        app_secret: Secret = Secret::default(),
        /// Id of the system user.
        #[env("META_SYSTEM_USER_ID")]
        system_user_id: String = String::new(),
        /// Access token of the system user.
        #[env("META_SYSTEM_USER_ACCESS_TOKEN")]
        system_user_access_token: Secret = Secret::default(),
        /// The word Meta repeats when it verifies the webhook address.
        #[env("WHATSAPP_VERIFY_TOKEN")]
        verify_token: Secret = Secret::default(),
    }
}

/// One Meta app of the provider.
#[derive(Debug, Clone)]
pub struct MetaApp {
    /// Meta's id of the app.
    pub app_id: String,
    /// The key of its webhook signatures.
    pub app_secret: Secret,
}

/// Why the list of Meta apps cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetaAppsError {
    /// Each app needs its own secret.
    #[error("META_APP_ID lists {ids} apps but META_APP_SECRET lists {secrets} secrets")]
    CountsDiffer {
        /// Number of ids.
        ids: usize,
        /// Number of secrets.
        secrets: usize,
    },
    /// A `|` with nothing beside it.
    #[error("entry {position} of META_APP_ID or META_APP_SECRET is empty")]
    EmptyEntry {
        /// Counted from 1.
        position: usize,
    },
    /// The same id twice: one of the secrets would never be used.
    #[error("META_APP_ID lists app {app_id} twice")]
    Repeated {
        /// The id in question.
        app_id: String,
    },
}

impl MetaSettings {
    /// The apps with their secrets, in the order given; empty when none is configured.
    ///
    /// # Errors
    ///
    /// When the two lists do not fit together.
    pub fn apps(&self) -> Result<Vec<MetaApp>, MetaAppsError> {
        if self.app_id.is_empty() && !self.app_secret.is_set() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = self.app_id.split('|').map(str::trim).collect();
        let secrets: Vec<&str> = self.app_secret.expose().split('|').map(str::trim).collect();
        if ids.len() != secrets.len() {
            return Err(MetaAppsError::CountsDiffer {
                ids: ids.len(),
                secrets: secrets.len(),
            });
        }
        let mut apps: Vec<MetaApp> = Vec::with_capacity(ids.len());
        for (position, (app_id, app_secret)) in (1..).zip(ids.into_iter().zip(secrets)) {
            if app_id.is_empty() || app_secret.is_empty() {
                return Err(MetaAppsError::EmptyEntry { position });
            }
            if apps.iter().any(|app| app.app_id == app_id) {
                return Err(MetaAppsError::Repeated {
                    app_id: app_id.to_owned(),
                });
            }
            apps.push(MetaApp {
                app_id: app_id.to_owned(),
                app_secret: Secret::from(app_secret),
            });
        }
        Ok(apps)
    }
}

section! {
    /// Model providers. Keys given here serve organizations that bring none of their own.
    LlmSettings in llm {
        /// Base URL of OpenAI or of anything that speaks its protocol.
        openai_url: String = "https://api.openai.com/v1".to_owned(),
        /// Key for it.
        #[env("OPENAI_API_KEY")]
        openai_api_key: Secret = Secret::default(),
        /// Base URL of Anthropic.
        anthropic_url: String = "https://api.anthropic.com".to_owned(),
        /// Key for it.
        #[env("ANTHROPIC_API_KEY")]
        anthropic_api_key: Secret = Secret::default(),
        /// Base URL of Google's Gemini API.
        google_url: String = "https://generativelanguage.googleapis.com".to_owned(),
        /// Key for it.
        #[env("GOOGLE_API_KEY")]
        google_api_key: Secret = Secret::default(),
        /// Base URL of Groq's OpenAI-compatible API.
        groq_url: String = "https://api.groq.com/openai/v1".to_owned(),
        /// Key for it.
        #[env("GROQ_API_KEY")]
        groq_api_key: Secret = Secret::default(),
        /// Model of an agent that names none.
        default_model: String = "gpt-5-mini".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apps(ids: &str, secrets: &str) -> Result<Vec<MetaApp>, MetaAppsError> {
        MetaSettings {
            app_id: ids.to_owned(),
            app_secret: Secret::from(secrets),
            ..Default::default()
        }
        .apps()
    }

    #[test]
    fn several_apps_keep_their_order_and_their_secrets() {
        let apps = apps("1| 002 ", "a|b").unwrap();
        let pairs: Vec<_> = apps
            .iter()
            .map(|app| (app.app_id.as_str(), app.app_secret.expose()))
            .collect();
        assert_eq!(pairs, [("1", "a"), ("002", "b")]);
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        assert!(matches!(
            apps("1|2", "a"),
            Err(MetaAppsError::CountsDiffer { ids: 2, secrets: 1 })
        ));
        assert!(matches!(
            apps("1|", "a|b"),
            Err(MetaAppsError::EmptyEntry { position: 2 })
        ));
        assert!(matches!(
            apps("1|1", "a|b"),
            Err(MetaAppsError::Repeated { .. })
        ));
        assert!(apps("", "").unwrap().is_empty());
    }
}
