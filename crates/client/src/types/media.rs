use chrono::{DateTime, Utc};
use sb_ids::{MediaId, MessageId};
use serde::Deserialize;

/// A stored file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Media {
    /// Its id.
    pub id: MediaId,
    /// The message it came with.
    pub message_id: Option<MessageId>,
    /// SHA-256 of its bytes in hexadecimal.
    pub sha256: String,
    /// Its MIME type.
    pub mime_type: String,
    /// Its name, empty when it has none.
    pub filename: String,
    /// Its size.
    pub size_bytes: i64,
    /// What annotation made of it.
    pub annotations: Vec<Annotation>,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
}

/// What annotation made of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Annotation {
    /// `transcription` or `description`.
    pub kind: String,
    /// `done` or `failed`.
    pub state: String,
    /// The text.
    pub text: String,
    /// Why it failed.
    pub error: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A file to be stored.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its name.
    pub filename: String,
    /// Its MIME type.
    pub mime_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}
