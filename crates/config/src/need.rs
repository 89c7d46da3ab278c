use crate::{Settings, section::Field};

/// Something a service cannot start without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// `database.url`.
    DatabaseUrl,
    /// `nats.url`.
    NatsUrl,
    /// `vault.keys`.
    VaultKeys,
    /// `meta.app_id` and `meta.app_secret`.
    MetaApps,
    /// `meta.verify_token`.
    MetaVerifyToken,
    /// `meta.system_user_access_token`.
    MetaSystemUserAccessToken,
    /// `gateway.api_key_pepper`.
    ApiKeyPepper,
    /// `manager.internal_key`.
    ManagerInternalKey,
}

impl Need {
    /// The settings behind it, as section and field.
    fn keys(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::DatabaseUrl => &[("database", "url")],
            Self::NatsUrl => &[("nats", "url")],
            Self::VaultKeys => &[("vault", "keys")],
            Self::MetaApps => &[("meta", "app_id"), ("meta", "app_secret")],
            Self::MetaVerifyToken => &[("meta", "verify_token")],
            Self::MetaSystemUserAccessToken => &[("meta", "system_user_access_token")],
            Self::ApiKeyPepper => &[("gateway", "api_key_pepper")],
            Self::ManagerInternalKey => &[("manager", "internal_key")],
        }
    }
}

/// Everything a service needs and was not given.
#[derive(Debug, thiserror::Error)]
#[error("settings are missing:{}", list(.fields))]
pub struct MissingSettings {
    /// The settings, in the order they were asked for.
    pub fields: Vec<&'static Field>,
}

fn list(fields: &[&'static Field]) -> String {
    let lines = fields
        .iter()
        .map(|field| format!("\n  {}: {}", field.variables(), field.description()));
    lines.collect()
}

impl Settings {
    /// Checks that everything a service needs is there.
    ///
    /// # Errors
    ///
    /// Names all that is missing at once, each with its variables and its meaning.
    pub fn require(&self, needs: &[Need]) -> Result<(), MissingSettings> {
        let values = self.to_redacted_json();
        let mut missing: Vec<&'static Field> = Vec::new();
        for (section, name) in needs.iter().flat_map(|need| need.keys()) {
            let is_set = values
                .get(section)
                .and_then(|section| section.get(name))
                .and_then(serde_json::Value::as_str)
                .is_some_and(|value| !value.is_empty());
            let field =
                Self::fields().find(|field| field.section == *section && field.name == *name);
            if let Some(field) = field.filter(|_| !is_set) {
                missing.push(field);
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(MissingSettings { fields: missing })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    const ALL: [Need; 8] = [
        Need::DatabaseUrl,
        Need::NatsUrl,
        Need::VaultKeys,
        Need::MetaApps,
        Need::MetaVerifyToken,
        Need::MetaSystemUserAccessToken,
        Need::ApiKeyPepper,
        Need::ManagerInternalKey,
    ];

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let error = Settings::default().require(&ALL).unwrap_err();
        assert_eq!(error.fields.len(), 9);
        let text = error.to_string();
        for name in [
            "DATABASE_URL or SWITCHBOARD__DATABASE__URL",
            "NATS_URL",
            "META_APP_SECRET",
        ] {
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn what_is_there_is_not_missing() {
        let mut settings = Settings::default();
        settings.database.url = "postgres://db/sb".into();
        settings.vault.keys = Secret::from("k:v");
        assert!(
            settings
                .require(&[Need::DatabaseUrl, Need::VaultKeys])
                .is_ok()
        );
        assert!(
            settings
                .require(&[Need::DatabaseUrl, Need::NatsUrl])
                .is_err()
        );
    }
}
