//! What could not be read, without saying what it said.

/// A piece of a webhook that does not have the documented form.
///
/// It names what and where, never the content: a parser's own message would quote the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {what}: {problem} at {place}")]
pub struct Malformed {
    /// The kind of object: `post`, `change`, `message`, `status`, …
    pub what: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
    /// A field's name, or line and column inside the object.
    pub place: String,
}

/// What is wrong with a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Problem {
    /// The bytes are not UTF-8.
    #[error("bytes that are not UTF-8")]
    NotUtf8,
    /// The JSON ends in the middle.
    #[error("an unexpected end")]
    Truncated,
    /// It is not JSON.
    #[error("invalid JSON")]
    Syntax,
    /// It is JSON of another form: a wrong type, a field twice.
    #[error("an unexpected form")]
    Form,
    /// A required field is absent.
    #[error("a missing field")]
    Missing,
    /// A field has a value it cannot have.
    #[error("an impossible value")]
    Invalid,
}

impl Malformed {
    pub(super) fn field(what: &'static str, problem: Problem, field: &str) -> Self {
        Self {
            what,
            problem,
            place: field.to_owned(),
        }
    }

    pub(super) fn json(what: &'static str, error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let problem = match error.classify() {
            Category::Eof => Problem::Truncated,
            Category::Syntax => Problem::Syntax,
            Category::Data | Category::Io => Problem::Form,
        };
        Self {
            what,
            problem,
            place: format!("line {} column {}", error.line(), error.column()),
        }
    }

    pub(super) fn not_utf8(error: &std::str::Utf8Error) -> Self {
        Self {
            what: "post",
            problem: Problem::NotUtf8,
            place: format!("byte {}", error.valid_up_to()),
        }
    }
}
