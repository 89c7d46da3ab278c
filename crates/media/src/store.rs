//! The store itself.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use object_store::{
    Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, local::LocalFileSystem,
};
use ring::digest;
use sb_config::MediaSettings;
use sb_ids::OrganizationId;
use url::Url;

use crate::MediaKey;

/// How long one operation may take; the largest file is 100 MB.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Files of messages; cheap to clone.
#[derive(Debug, Clone)]
pub struct MediaStore {
    objects: Arc<dyn ObjectStore>,
}

/// A file that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Where it is.
    pub key: MediaKey,
    /// The SHA-256 of the bytes in lowercase hex.
    pub sha256: String,
    /// Its size.
    pub size_bytes: u64,
}

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
    /// The setting names a storage that this build does not have.
    #[error("media.root has the scheme `{scheme}`, this build only knows folders and file://")]
    UnknownStorage {
        /// The URL's scheme.
        scheme: String,
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
    #[error("{operation} media {key} took longer than {TIMEOUT:?}")]
    Timeout {
        /// `writing`, `reading`, …
        operation: &'static str,
        /// The file.
        key: String,
    },
}

impl MediaStore {
    /// Opens the storage that `media.root` names, making the folder if it is one.
    ///
    /// # Errors
    /// [`MediaError::Folder`], [`MediaError::UnknownStorage`] or [`MediaError::Open`].
    pub fn open(settings: &MediaSettings) -> Result<Self, MediaError> {
        let root = folder(&settings.root)?;
        std::fs::create_dir_all(&root).map_err(|source| MediaError::Folder {
            root: root.clone(),
            source,
        })?;
        let local = LocalFileSystem::new_with_prefix(&root)
            .map_err(|source| MediaError::Open { root, source })?
            // A row that names a file must not outlive it after a power failure.
            .with_fsync(true);
        Ok(Self {
            objects: Arc::new(local),
        })
    }

    /// Stores a file for an organization. Storing the same bytes again changes nothing.
    ///
    /// # Errors
    /// [`MediaError::Storage`] or [`MediaError::Timeout`].
    pub async fn put(
        &self,
        organization: OrganizationId,
        bytes: Bytes,
    ) -> Result<StoredObject, MediaError> {
        const OPERATION: &str = "writing";
        let size_bytes = byte_count(bytes.len());
        let key = MediaKey::new(organization, sha256(&bytes));
        let path = key.path();
        let options = PutOptions::from(PutMode::Create);
        let written = self.objects.put_opts(&path, bytes.into(), options);
        match in_time(OPERATION, &key, written).await? {
            // The key is made of the content, so what is there is the same file.
            Ok(_) | Err(Error::AlreadyExists { .. }) => Ok(StoredObject {
                sha256: key.sha256_hex(),
                key,
                size_bytes,
            }),
            Err(source) => Err(storage(OPERATION, &key, source)),
        }
    }

    /// Reads a file of at most `max_bytes` and checks that it is the one that was stored.
    ///
    /// # Errors
    /// [`MediaError::NotFound`], [`MediaError::TooLarge`], [`MediaError::Damaged`],
    /// [`MediaError::Storage`] or [`MediaError::Timeout`].
    pub async fn get(&self, key: &MediaKey, max_bytes: u64) -> Result<Bytes, MediaError> {
        const OPERATION: &str = "reading";
        let bytes = in_time(OPERATION, key, self.read(key, max_bytes)).await??;
        if *key == MediaKey::new(key.organization(), sha256(&bytes)) {
            Ok(bytes)
        } else {
            Err(MediaError::Damaged {
                key: key.to_string(),
            })
        }
    }

    async fn read(&self, key: &MediaKey, limit_bytes: u64) -> Result<Bytes, MediaError> {
        let too_large = |size_bytes| MediaError::TooLarge {
            key: key.to_string(),
            size_bytes,
            limit_bytes,
        };
        let fail = |source| storage("reading", key, source);
        let found = self.objects.get(&key.path()).await.map_err(fail)?;
        if found.meta.size > limit_bytes {
            return Err(too_large(found.meta.size));
        }
        let mut bytes = BytesMut::new();
        let mut chunks = found.into_stream();
        while let Some(chunk) = chunks.next().await {
            bytes.extend_from_slice(&chunk.map_err(fail)?);
            let received = byte_count(bytes.len());
            if received > limit_bytes {
                return Err(too_large(received));
            }
        }
        Ok(bytes.freeze())
    }

    /// Whether a file is there.
    ///
    /// # Errors
    /// [`MediaError::Storage`] or [`MediaError::Timeout`].
    pub async fn exists(&self, key: &MediaKey) -> Result<bool, MediaError> {
        const OPERATION: &str = "looking for";
        match in_time(OPERATION, key, self.objects.head(&key.path())).await? {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(storage(OPERATION, key, source)),
        }
    }

    /// Removes a file; one that is not there counts as removed.
    ///
    /// # Errors
    /// [`MediaError::Storage`] or [`MediaError::Timeout`].
    pub async fn delete(&self, key: &MediaKey) -> Result<(), MediaError> {
        const OPERATION: &str = "deleting";
        match in_time(OPERATION, key, self.objects.delete(&key.path())).await? {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(storage(OPERATION, key, source)),
        }
    }
}

/// The folder a setting names: a path, or a `file://` URL.
fn folder(root: &str) -> Result<String, MediaError> {
    if !root.contains("://") {
        return Ok(root.to_owned());
    }
    let scheme = root.split("://").next().unwrap_or_default().to_owned();
    let unknown = || MediaError::UnknownStorage { scheme };
    let path = Url::parse(root)
        .ok()
        .filter(|url| url.scheme() == "file")
        .and_then(|url| url.to_file_path().ok());
    path.and_then(|path| path.into_os_string().into_string().ok())
        .ok_or_else(unknown)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    sha256
}

fn byte_count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn storage(operation: &'static str, key: &MediaKey, source: Error) -> MediaError {
    let key = key.to_string();
    if matches!(source, Error::NotFound { .. }) {
        return MediaError::NotFound { key };
    }
    MediaError::Storage {
        operation,
        key,
        source,
    }
}

async fn in_time<T>(
    operation: &'static str,
    key: &MediaKey,
    work: impl Future<Output = T>,
) -> Result<T, MediaError> {
    tokio::time::timeout(TIMEOUT, work)
        .await
        .map_err(|_| MediaError::Timeout {
            operation,
            key: key.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use tempfile::TempDir;

    use super::*;

    fn organization(second: i64) -> OrganizationId {
        OrganizationId::new(DateTime::from_timestamp(second, 0).unwrap())
    }

    fn store() -> (TempDir, MediaStore) {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("a/b").to_str().unwrap().to_owned();
        let store = MediaStore::open(&MediaSettings { root }).unwrap();
        (folder, store)
    }

    fn files(folder: &TempDir) -> usize {
        let mut open = vec![folder.path().to_owned()];
        let mut files = 0;
        while let Some(next) = open.pop() {
            for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                } else {
                    files += 1;
                }
            }
        }
        files
    }

    #[tokio::test]
    async fn the_same_bytes_are_stored_once_per_organization() {
        let (folder, store) = store();
        let ours = organization(1);
        let first = store.put(ours, Bytes::from_static(b"abc")).await.unwrap();
        let again = store.put(ours, Bytes::from_static(b"abc")).await.unwrap();
        assert_eq!(first, again);
        assert_eq!(
            first.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(first.size_bytes, 3);
        assert_eq!(files(&folder), 1);
        let other = store
            .put(organization(2), Bytes::from_static(b"abc"))
            .await
            .unwrap();
        assert_ne!(first.key, other.key);
        assert_eq!(files(&folder), 2);
    }

    #[tokio::test]
    async fn a_file_comes_back_within_the_limit() {
        let (_folder, store) = store();
        let stored = store
            .put(organization(1), Bytes::from_static(b"abc"))
            .await
            .unwrap();
        assert_eq!(store.get(&stored.key, 3).await.unwrap(), "abc");
        let error = store.get(&stored.key, 2).await.unwrap_err();
        assert!(
            matches!(error, MediaError::TooLarge { size_bytes: 3, .. }),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_deleted_file_is_gone_and_may_be_deleted_again() {
        let (_folder, store) = store();
        let stored = store.put(organization(1), Bytes::new()).await.unwrap();
        assert!(store.exists(&stored.key).await.unwrap());
        store.delete(&stored.key).await.unwrap();
        store.delete(&stored.key).await.unwrap();
        assert!(!store.exists(&stored.key).await.unwrap());
        let error = store.get(&stored.key, 10).await.unwrap_err();
        assert!(matches!(error, MediaError::NotFound { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_damaged_file_is_noticed() {
        let (folder, store) = store();
        let stored = store
            .put(organization(1), Bytes::from_static(b"abc"))
            .await
            .unwrap();
        std::fs::write(
            folder.path().join("a/b").join(stored.key.to_string()),
            "abd",
        )
        .unwrap();
        let error = store.get(&stored.key, 10).await.unwrap_err();
        assert!(matches!(error, MediaError::Damaged { .. }), "{error:?}");
    }

    #[test]
    fn a_root_is_a_folder_or_a_file_url() {
        assert_eq!(folder(".switchboard/media").unwrap(), ".switchboard/media");
        assert_eq!(folder("file:///var/media%20x").unwrap(), "/var/media x");
        let error = folder("s3://bucket/media").unwrap_err();
        assert!(error.to_string().contains("`s3`"), "{error}");
    }
}
