use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs,
    path::{Path, PathBuf},
};

use config::{Config, File, FileFormat, Map, Source, Value};

use crate::{
    ConfigError, Settings, UnknownVariable,
    section::{Field, PREFIX},
};

/// Committed defaults of an installation, read when they exist.
const BASE_FILE: &str = "config/base.yaml";

/// Where settings come from: an optional YAML file and named variables.
#[derive(Clone, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    variables: BTreeMap<String, OsString>,
    overrides: Vec<(String, String)>,
}

impl Sources {
    /// The environment of this process, and `config/base.yaml` where that exists.
    ///
    /// This is the only place in the workspace that reads the environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn from_process() -> Self {
        let base = Path::new(BASE_FILE);
        Self {
            file: base.is_file().then(|| base.to_owned()),
            variables: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
                .collect(),
            overrides: Vec::new(),
        }
    }

    /// Exactly these variables and no file; for tests.
    pub fn from_pairs<N: Into<String>, V: Into<OsString>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self {
            variables: pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            ..Self::default()
        }
    }

    /// Reads this YAML file instead of `config/base.yaml`; it must exist.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Sets `section.field` above every other layer; for command-line options.
    #[must_use]
    pub fn with_override(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.overrides.push((key.into(), value.into()));
        self
    }
}

impl fmt::Debug for Sources {
    /// Names only: the values may be secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sources")
            .field("file", &self.file)
            .field("variables", &self.variables.keys())
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Loads and checks the settings: defaults, then the file, then well-known variables, then
    /// `SWITCHBOARD__SECTION__FIELD`, then overrides; later wins. A variable that is set but
    /// empty counts as not set.
    ///
    /// # Errors
    ///
    /// When a variable with our prefix is unknown, something cannot be read or parsed, or a value
    /// cannot work. Settings that are merely missing are the business of [`Settings::require`].
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        refuse_unknown_variables(sources)?;
        let mut builder = Config::builder();
        if let Some(path) = &sources.file {
            builder = builder.add_source(File::from(path.as_path()).format(FileFormat::Yaml));
        }
        builder = builder.add_source(resolve_variables(sources)?);
        let settings: Self =
            builder
                .build()
                .and_then(Config::try_deserialize)
                .map_err(|source| ConfigError::Malformed {
                    origin: sources.file.as_ref().map_or_else(
                        || "the environment".to_owned(),
                        |path| format!("{} and the environment", path.display()),
                    ),
                    source: Box::new(source),
                })?;
        settings.validate()?;
        Ok(settings)
    }
}

/// Resolved variables as a layer of the `config` crate; each value remembers its variable, which
/// the error messages then name. Values stay strings, so that leading zeros survive.
#[derive(Debug, Clone, Default)]
struct Variables(Vec<(String, String, String)>);

impl Source for Variables {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        let layer = self
            .0
            .iter()
            .map(|(key, origin, value)| (key.clone(), Value::new(Some(origin), value.clone())));
        Ok(layer.collect())
    }
}

fn resolve_variables(sources: &Sources) -> Result<Variables, ConfigError> {
    let mut resolved = Variables::default();
    for field in Settings::fields() {
        let own = field.variable();
        // The strongest name comes first; the first that is set wins.
        let names = std::iter::once(own.as_str()).chain(field.known_names.iter().copied());
        for name in names {
            if let Some(value) = resolve_one(sources, name)? {
                resolved.0.push((field.key(), name.to_owned(), value));
                break;
            }
        }
    }
    for (key, value) in &sources.overrides {
        resolved.0.retain(|(taken, _, _)| taken != key);
        resolved
            .0
            .push((key.clone(), "the command line".to_owned(), value.clone()));
    }
    Ok(resolved)
}

/// The value of `name`, directly or from the file `name_FILE` points at.
fn resolve_one(sources: &Sources, name: &str) -> Result<Option<String>, ConfigError> {
    let direct = text_of(sources, name)?;
    let file_name = format!("{name}_FILE");
    let Some(path) = text_of(sources, &file_name)? else {
        return Ok(direct);
    };
    if direct.is_some() {
        return Err(ConfigError::SetTwice {
            name: name.to_owned(),
        });
    }
    let path = PathBuf::from(path);
    match fs::read_to_string(&path) {
        Ok(content) => Ok(Some(content.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(source) => Err(ConfigError::ReadFile {
            name: file_name,
            path,
            source,
        }),
    }
}

fn text_of(sources: &Sources, name: &str) -> Result<Option<String>, ConfigError> {
    let Some(value) = sources
        .variables
        .get(name)
        .filter(|value| !value.is_empty())
    else {
        return Ok(None);
    };
    match value.to_str() {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(ConfigError::NotUnicode {
            name: name.to_owned(),
        }),
    }
}

fn refuse_unknown_variables(sources: &Sources) -> Result<(), ConfigError> {
    let known: Vec<String> = Settings::fields().map(Field::variable).collect();
    let is_known = |name: &str| {
        let base = name.strip_suffix("_FILE").unwrap_or(name);
        known
            .iter()
            .any(|variable| variable == name || variable == base)
    };
    let mut unknown: Vec<UnknownVariable> = sources
        .variables
        .keys()
        .filter(|name| name.starts_with(PREFIX) && !is_known(name))
        .map(|name| UnknownVariable {
            name: name.clone(),
            nearest: nearest(name, &known),
        })
        .collect();
    let keys: Vec<String> = Settings::fields().map(Field::key).collect();
    unknown.extend(
        sources
            .overrides
            .iter()
            .filter(|(key, _)| !keys.contains(key))
            .map(|(key, _)| UnknownVariable {
                name: key.clone(),
                nearest: nearest(key, &keys),
            }),
    );
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(ConfigError::UnknownVariables(unknown))
    }
}

fn nearest(name: &str, known: &[String]) -> Option<String> {
    known
        .iter()
        .min_by_key(|candidate| edit_distance(name, candidate))
        .cloned()
}

/// Levenshtein distance: insertions, removals and replacements.
fn edit_distance(from: &str, to: &str) -> usize {
    let mut previous: Vec<usize> = (0..=to.chars().count()).collect();
    for (row, left) in (1..).zip(from.chars()) {
        let mut current = vec![row];
        let mut corner_and_above = previous
            .iter()
            .copied()
            .zip(previous.iter().skip(1).copied());
        let mut beside = row;
        for right in to.chars() {
            let Some((corner, above)) = corner_and_above.next() else {
                break;
            };
            let replaced = corner + usize::from(left != right);
            beside = replaced.min(above + 1).min(beside + 1);
            current.push(beside);
        }
        previous = current;
    }
    previous.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        Settings::load(&Sources::from_pairs(pairs.iter().copied()))
    }

    #[test]
    fn nothing_set_gives_the_defaults() {
        let settings = load(&[]).unwrap();
        assert_eq!(settings.database.max_connections, 16);
        assert_eq!(settings.nats.stream_max_bytes, -1);
    }

    #[test]
    fn the_prefixed_name_beats_the_well_known_one() {
        let settings = load(&[
            ("DATABASE_URL", "postgres://known/a"),
            ("SWITCHBOARD__DATABASE__URL", "postgres://own/b"),
            ("NATS_URL", "nats://known"),
        ])
        .unwrap();
        assert_eq!(settings.database.url.as_str(), "postgres://own/b");
        assert_eq!(settings.nats.url.as_str(), "nats://known");
    }

    #[test]
    fn text_becomes_the_type_of_the_field_and_leading_zeros_survive() {
        let settings = load(&[
            ("SWITCHBOARD__DATABASE__MAX_CONNECTIONS", "32"),
            ("SWITCHBOARD__AGENT__READ_RECEIPTS", "false"),
            ("SWITCHBOARD__NATS__STREAM_MAX_BYTES", "-1"),
            ("SWITCHBOARD__TELEMETRY__SAMPLE_RATIO", "0.25"),
            ("SWITCHBOARD__TELEMETRY__LOG_FORMAT", "json"),
            ("SWITCHBOARD__SIMULATOR__PHONE_NUMBER_ID", "00123"),
            ("META_APP_ID", "0042"),
            ("META_APP_SECRET", "0042"),
        ])
        .unwrap();
        assert_eq!(settings.database.max_connections, 32);
        assert!(!settings.agent.read_receipts);
        assert!((settings.telemetry.sample_ratio - 0.25).abs() < f64::EPSILON);
        assert_eq!(settings.telemetry.log_format, crate::LogFormat::Json);
        assert_eq!(settings.simulator.phone_number_id, "00123");
        assert_eq!(settings.meta.app_id, "0042");
        assert_eq!(settings.meta.app_secret.expose(), "0042");
    }

    #[test]
    fn every_setting_is_read_from_its_own_variable() {
        for field in Settings::fields() {
            let error = load(&[(field.variable().as_str(), "\u{0}")]);
            // Strings take anything; everything else must complain, and either way the variable
            // is a known one.
            assert!(
                !matches!(error, Err(ConfigError::UnknownVariables(_))),
                "{}",
                field.key()
            );
        }
    }

    #[test]
    fn unknown_variables_are_named_together_with_the_nearest_known_one() {
        let error = load(&[
            ("SWITCHBOARD__DATABASE__MAX_CONECTIONS", "3"),
            ("SWITCHBOARD__NAT__URL", "x"),
        ])
        .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("did you mean SWITCHBOARD__DATABASE__MAX_CONNECTIONS?"),
            "{text}"
        );
        assert!(
            text.contains("did you mean SWITCHBOARD__NATS__URL?"),
            "{text}"
        );
    }

    #[test]
    fn a_wrong_type_names_the_key_and_the_variable() {
        let error = load(&[("SWITCHBOARD__DATABASE__MAX_CONNECTIONS", "many")]).unwrap_err();
        let ConfigError::Malformed { source, .. } = error else {
            panic!("{error}")
        };
        let text = source.to_string();
        assert!(text.contains("database.max_connections"), "{text}");
        assert!(
            text.contains("SWITCHBOARD__DATABASE__MAX_CONNECTIONS"),
            "{text}"
        );
    }

    #[test]
    fn a_value_can_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "  token\n").unwrap();
        let path = path.to_str().unwrap();
        let settings = load(&[("OPENAI_API_KEY_FILE", path)]).unwrap();
        assert_eq!(settings.llm.openai_api_key.expose(), "token");
        let settings = load(&[("SWITCHBOARD__LLM__OPENAI_API_KEY_FILE", path)]).unwrap();
        assert_eq!(settings.llm.openai_api_key.expose(), "token");
        let twice = load(&[("OPENAI_API_KEY_FILE", path), ("OPENAI_API_KEY", "x")]);
        assert!(matches!(twice, Err(ConfigError::SetTwice { .. })));
        let missing = load(&[("OPENAI_API_KEY_FILE", "/nonexistent/secret")]);
        assert!(matches!(missing, Err(ConfigError::ReadFile { .. })));
    }

    #[test]
    fn variables_beat_the_file_and_overrides_beat_variables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base.yaml");
        fs::write(
            &path,
            "database:\n  max_connections: 4\nagent:\n  workers: 7\n  lease_seconds: 9\n",
        )
        .unwrap();
        let sources = Sources::from_pairs([
            ("SWITCHBOARD__AGENT__WORKERS", "8"),
            ("SWITCHBOARD__AGENT__LEASE_SECONDS", "10"),
        ])
        .with_file(&path)
        .with_override("agent.lease_seconds", "11");
        let settings = Settings::load(&sources).unwrap();
        assert_eq!(settings.database.max_connections, 4);
        assert_eq!(settings.agent.workers, 8);
        assert_eq!(settings.agent.lease_seconds, 11);
    }

    #[test]
    fn a_typo_in_the_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base.yaml");
        fs::write(&path, "database:\n  max_conections: 4\n").unwrap();
        let sources = Sources::default().with_file(&path);
        assert!(matches!(
            Settings::load(&sources),
            Err(ConfigError::Malformed { .. })
        ));
        let sources = Sources::default().with_file("/nonexistent.yaml");
        assert!(matches!(
            Settings::load(&sources),
            Err(ConfigError::Malformed { .. })
        ));
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let settings = load(&[("SWITCHBOARD__DATABASE__MAX_CONNECTIONS", "")]).unwrap();
        assert_eq!(settings.database.max_connections, 16);
    }

    #[test]
    fn sources_do_not_print_values() {
        let sources = Sources::from_pairs([("OPENAI_API_KEY", "hunter2")]);
        assert!(!format!("{sources:?}").contains("hunter2"));
    }

    #[test]
    fn edit_distance_counts_single_changes() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", ""), 3);
        assert_eq!(edit_distance("abc", "abc"), 0);
    }
}
