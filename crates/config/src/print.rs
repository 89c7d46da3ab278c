use std::fmt::Write as _;

use serde_json::Value;

use crate::Settings;

impl Settings {
    /// The effective settings as YAML, secrets masked; without its masked lines it is a settings
    /// file.
    pub fn print_redacted(&self) -> String {
        let values = self.to_redacted_json();
        let mut text = String::new();
        for (section, _, fields) in Self::SECTIONS {
            text.push_str(section);
            text.push_str(":\n");
            for field in *fields {
                // A JSON scalar is a YAML scalar.
                let value = values
                    .get(section)
                    .and_then(|section| section.get(field.name));
                let shown = value.unwrap_or(&Value::Null);
                // Writing to a String cannot fail.
                let _ = writeln!(text, "  {}: {shown}", field.name);
            }
        }
        text
    }

    /// Every value by section and field; secrets are already masked by their types.
    pub(crate) fn to_redacted_json(&self) -> Value {
        // Plain structs of scalars always serialise; should that ever change, the reference test
        // fails on empty defaults.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Secret, Settings, Sources};

    #[test]
    fn secrets_and_passwords_are_not_printed() {
        let mut settings = Settings::default();
        settings.database.url = "postgres://app:hunter2@db/sb".into();
        settings.vault.keys = Secret::from("hunter2");
        settings.llm.openai_api_key = Secret::from("hunter2");
        for text in [settings.print_redacted(), format!("{settings:?}")] {
            assert!(!text.contains("hunter2"), "{text}");
            assert!(text.contains("postgres://app:***@db/sb"), "{text}");
        }
    }

    #[test]
    fn what_is_printed_can_be_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("printed.yaml");
        let mut settings = Settings::default();
        settings.agent.workers = 5;
        settings.simulator.waba_id = "007".to_owned();
        std::fs::write(&path, settings.print_redacted()).unwrap();
        let loaded = Settings::load(&Sources::default().with_file(&path)).unwrap();
        assert_eq!(loaded.print_redacted(), settings.print_redacted());
    }
}
