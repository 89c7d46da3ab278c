use std::{fmt, io, path::PathBuf};

/// A variable with our prefix that no setting has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVariable {
    /// The variable as it was given.
    pub name: String,
    /// The known variable that looks most like it.
    pub nearest: Option<String>,
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nearest {
            Some(nearest) => write!(formatter, "{} (did you mean {nearest}?)", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

/// Why the settings could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A typo in a variable must not pass silently.
    #[error("unknown variables: {}", join(.0, ", "))]
    UnknownVariables(Vec<UnknownVariable>),
    /// A variable and its `_FILE` twin are both set.
    #[error("{name} and {name}_FILE are both set; keep one")]
    SetTwice {
        /// The variable without `_FILE`.
        name: String,
    },
    /// The value is not text.
    #[error("the value of {name} is not valid UTF-8")]
    NotUnicode {
        /// The variable.
        name: String,
    },
    /// The file a `_FILE` variable points at cannot be read.
    #[error("reading {path}, which {name} points at", path = path.display())]
    ReadFile {
        /// The variable.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The settings file is missing or malformed, or a value has the wrong type.
    #[error("reading settings from {origin}")]
    Malformed {
        /// Where the values came from.
        origin: String,
        /// What the parser says: key, expected type, origin.
        #[source]
        source: Box<config::ConfigError>,
    },
    /// Values that are readable but cannot work; all of them at once.
    #[error("settings that cannot work: {}", join(.0, "; "))]
    Invalid(Vec<String>),
}

fn join<T: ToString>(items: &[T], separator: &str) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(separator)
}
