use chrono::{DateTime, Utc};
use sb_ids::{MediaId, MessageId};
use serde::Deserialize;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Media {
    /// Its id.
    pub id: MediaId,
    /// The message it came with.
    pub message_id: Option<MessageId>,
    /// `pending` while it is fetched from Meta, `stored`, `failed` or `expired`.
    pub state: String,
    /// `image`, `audio`, `video`, `document` or `sticker`.
    pub kind: String,
    /// Why it could not be fetched.
    pub failure_code: Option<String>,
    /// SHA-256 of its bytes in hexadecimal, once they were here.
    pub sha256: Option<String>,
    /// Its MIME type.
    pub mime_type: String,
    /// What its sender said it is, where its bytes say something else.
    pub declared_mime_type: Option<String>,
    /// Its name, empty when it has none.
    pub filename: String,
    /// Its size, once the bytes were here.
    pub size_bytes: Option<i64>,
    /// Where its bytes are, while they are here.
    pub links: Option<MediaLinks>,
    /// What annotation made of it.
    pub annotations: Vec<Annotation>,
    /// When we came to know it.
    pub created_at: DateTime<Utc>,
}

/// Addresses under which anybody may read a file until their end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MediaLinks {
    /// The file; a path where the installation does not know its own address.
    pub file: String,
    /// A small picture of it.
    pub thumbnail: Option<String>,
    /// When both stop working.
    pub expires_at: DateTime<Utc>,
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
