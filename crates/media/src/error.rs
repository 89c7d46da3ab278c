//! What can go wrong.

use object_store::Error;

use crate::MediaKey;

/// Why a file cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The folder cannot be made.
    #[error("creating the media folder {root}")]
    Folder {
        /// The setting.
        root: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The setting names a storage that does not exist.
    #[error("media.root is `{root}`: give a folder, or s3://, gs:// or az:// with a bucket")]
    UnknownStorage {
        /// The setting.
        root: String,
    },
    /// The storage cannot be opened.
    #[error("opening the media storage {root}")]
    Open {
        /// The setting.
        root: String,
        /// Why.
        #[source]
        source: Error,
    },
    /// There is no such file.
    #[error("media {key} does not exist")]
    NotFound {
        /// The file.
        key: String,
    },
    /// The file is larger than the caller takes.
    #[error("media {key} has {size_bytes} bytes, more than {limit_bytes}")]
    TooLarge {
        /// The file.
        key: String,
        /// Its size.
        size_bytes: u64,
        /// The caller's limit.
        limit_bytes: u64,
    },
    /// The bytes are not those that were stored.
    #[error("media {key} is damaged: its bytes have another digest")]
    Damaged {
        /// The file.
        key: String,
    },
    /// The storage failed.
    #[error("{operation} media {key}")]
    Storage {
        /// `writing`, `reading`, …
        operation: &'static str,
        /// The file.
        key: String,
        /// Why.
        #[source]
        source: Error,
    },
    /// The storage did not answer in time.
    #[error("{operation} media {key} took too long")]
    Timeout {
        /// `writing`, `reading`, …
        operation: &'static str,
        /// The file.
        key: String,
    },
    /// The file that holds the bytes while they arrive cannot be used.
    #[error("{operation} the temporary file of a file that arrives")]
    Spool {
        /// `creating`, `writing`, `reading`
        operation: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl MediaError {
    pub(crate) fn storage(operation: &'static str, key: &MediaKey, source: Error) -> Self {
        let key = key.to_string();
        if matches!(source, Error::NotFound { .. }) {
            return Self::NotFound { key };
        }
        Self::Storage {
            operation,
            key,
            source,
        }
    }

    pub(crate) fn spool(operation: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Spool { operation, source }
    }
}
