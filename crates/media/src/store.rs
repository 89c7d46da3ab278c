//! The store itself.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};
use ring::digest;
use sb_config::MediaSettings;
use sb_ids::OrganizationId;

use crate::scan::Scanner;
use crate::spool::{SpooledFile, byte_count};
use crate::{MediaError, MediaKey};

/// How long one request to the storage may take.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How much is written at once; S3 wants 5 MiB at least.
const PART_BYTES: usize = 8 * 1024 * 1024;
const WRITING: &str = "writing";
const READING: &str = "reading";

/// Files of messages; cheap to clone.
#[derive(Debug, Clone)]
pub struct MediaStore {
    objects: Arc<dyn ObjectStore>,
    scanner: Scanner,
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

/// Bytes on their way out of the storage.
pub struct Reading {
    /// How many there are.
    pub size_bytes: u64,
    /// They.
    pub pieces: BoxStream<'static, Result<Bytes, MediaError>>,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading")
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

impl StoredObject {
    fn new(key: MediaKey, size_bytes: u64) -> Self {
        Self {
            sha256: key.sha256_hex(),
            key,
            size_bytes,
        }
    }
}

impl MediaStore {
    /// Opens the storage that `media.root` names, making the folder if it is one.
    ///
    /// # Errors
    /// [`MediaError::Folder`], [`MediaError::UnknownStorage`] or [`MediaError::Open`].
    pub fn open(settings: &MediaSettings) -> Result<Self, MediaError> {
        Ok(Self {
            objects: crate::storage::open(settings)?,
            scanner: Scanner::new(&settings.clamd),
        })
    }

    /// What looks at files before they are kept.
    pub(crate) const fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// Stores a small file for an organization. Storing the same bytes again changes nothing.
    ///
    /// # Errors
    /// [`MediaError::Storage`] or [`MediaError::Timeout`].
    pub async fn put(
        &self,
        organization: OrganizationId,
        bytes: Bytes,
    ) -> Result<StoredObject, MediaError> {
        let stored = StoredObject::new(
            MediaKey::new(organization, sha256(&bytes)),
            byte_count(bytes.len()),
        );
        // The key is made of the content, so what is there is the same file.
        if self.size(&stored.key).await? != Some(stored.size_bytes) {
            self.write(&stored.key, bytes).await?;
        }
        Ok(stored)
    }

    /// Stores a file that has arrived, piece by piece. Storing the same bytes again changes nothing.
    ///
    /// # Errors
    /// [`MediaError::Storage`], [`MediaError::Timeout`] or [`MediaError::Spool`].
    pub async fn put_spooled(
        &self,
        organization: OrganizationId,
        file: &mut SpooledFile,
    ) -> Result<StoredObject, MediaError> {
        let stored = StoredObject::new(
            MediaKey::new(organization, file.sha256()),
            file.size_bytes(),
        );
        if self.size(&stored.key).await? == Some(stored.size_bytes) {
            return Ok(stored);
        }
        file.rewind().await?;
        if file.size_bytes() <= byte_count(PART_BYTES) {
            let bytes = file.next(PART_BYTES).await?;
            self.write(&stored.key, bytes).await?;
        } else {
            self.write_parts(&stored.key, file).await?;
        }
        Ok(stored)
    }

    async fn write(&self, key: &MediaKey, bytes: Bytes) -> Result<(), MediaError> {
        let path = key.path();
        let written = self.objects.put(&path, bytes.into());
        let written = in_time(WRITING, key, written).await?;
        written
            .map(drop)
            .map_err(|source| MediaError::storage(WRITING, key, source))
    }

    async fn write_parts(&self, key: &MediaKey, file: &mut SpooledFile) -> Result<(), MediaError> {
        let fail = |source| MediaError::storage(WRITING, key, source);
        let path = key.path();
        let begun = in_time(WRITING, key, self.objects.put_multipart(&path)).await?;
        let mut upload = begun.map_err(fail)?;
        let written = async {
            loop {
                let part = file.next(PART_BYTES).await?;
                if part.is_empty() {
                    break;
                }
                let sent = upload.put_part(part.into());
                in_time(WRITING, key, sent).await?.map_err(fail)?;
            }
            let done = in_time(WRITING, key, upload.complete()).await?;
            done.map(drop).map_err(fail)
        }
        .await;
        if written.is_err() {
            // Parts without a whole cost money; the storage's own rules remove what this cannot.
            if let Err(error) = upload.abort().await {
                tracing::debug!(%error, "parts of a file that could not be stored stay behind");
            }
        }
        written
    }

    /// Reads a file of at most `max_bytes` and checks that it is the one that was stored.
    ///
    /// # Errors
    /// [`MediaError::NotFound`], [`MediaError::TooLarge`], [`MediaError::Damaged`],
    /// [`MediaError::Storage`] or [`MediaError::Timeout`].
    pub async fn get(&self, key: &MediaKey, max_bytes: u64) -> Result<Bytes, MediaError> {
        let bytes = in_time(READING, key, self.read_all(key, max_bytes)).await??;
        if *key == MediaKey::new(key.organization(), sha256(&bytes)) {
            Ok(bytes)
        } else {
            Err(MediaError::Damaged {
                key: key.to_string(),
            })
        }
    }

    async fn read_all(&self, key: &MediaKey, limit_bytes: u64) -> Result<Bytes, MediaError> {
        let too_large = |size_bytes| MediaError::TooLarge {
            key: key.to_string(),
            size_bytes,
            limit_bytes,
        };
        let fail = |source| MediaError::storage(READING, key, source);
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

    /// Begins to read a file, or some of its bytes. A whole file ends with [`MediaError::Damaged`] before its last
    /// piece when it is not the one that was stored.
    ///
    /// # Errors
    /// [`MediaError::NotFound`], [`MediaError::Storage`] or [`MediaError::Timeout`]; the same in the stream.
    pub async fn read(
        &self,
        key: &MediaKey,
        range: Option<Range<u64>>,
    ) -> Result<Reading, MediaError> {
        let is_whole = range.is_none();
        let path = key.path();
        let options = GetOptions::new().with_range(range.map(GetRange::Bounded));
        let found = in_time(READING, key, self.objects.get_opts(&path, options)).await?;
        let found = found.map_err(|source| MediaError::storage(READING, key, source))?;
        let size_bytes = found.range.end.saturating_sub(found.range.start);
        let of = key.clone();
        let pieces = found
            .into_stream()
            .map(move |piece| piece.map_err(|source| MediaError::storage(READING, &of, source)));
        let pieces = if is_whole {
            checked(pieces.boxed(), key.clone())
        } else {
            pieces.boxed()
        };
        Ok(Reading { size_bytes, pieces })
    }

    /// Whether a file is there.
    ///
    /// # Errors
    /// [`MediaError::Storage`] or [`MediaError::Timeout`].
    pub async fn exists(&self, key: &MediaKey) -> Result<bool, MediaError> {
        Ok(self.size(key).await?.is_some())
    }

    async fn size(&self, key: &MediaKey) -> Result<Option<u64>, MediaError> {
        const OPERATION: &str = "looking for";
        match in_time(OPERATION, key, self.objects.head(&key.path())).await? {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(MediaError::storage(OPERATION, key, source)),
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
            Err(source) => Err(MediaError::storage(OPERATION, key, source)),
        }
    }
}

/// Holds the last piece back until the whole is known to be what was stored.
fn checked(
    pieces: BoxStream<'static, Result<Bytes, MediaError>>,
    key: MediaKey,
) -> BoxStream<'static, Result<Bytes, MediaError>> {
    let hash = digest::Context::new(&digest::SHA256);
    let state = (Some(pieces), hash, None);
    futures::stream::try_unfold(state, move |(pieces, mut hash, mut held): Checking| {
        let key = key.clone();
        async move {
            let Some(mut pieces) = pieces else {
                return Ok(None);
            };
            while let Some(piece) = pieces.try_next().await? {
                hash.update(&piece);
                if let Some(before) = held.replace(piece) {
                    return Ok(Some((before, (Some(pieces), hash, held))));
                }
            }
            if key.sha256() != hash.clone().finish().as_ref() {
                return Err(MediaError::Damaged {
                    key: key.to_string(),
                });
            }
            Ok(held.map(|last| (last, (None, hash, None))))
        }
    })
    .boxed()
}

type Checking = (
    Option<BoxStream<'static, Result<Bytes, MediaError>>>,
    digest::Context,
    Option<Bytes>,
);

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    sha256
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
    use crate::spool::spooled;

    fn organization(second: i64) -> OrganizationId {
        OrganizationId::new(DateTime::from_timestamp(second, 0).unwrap())
    }

    fn store() -> (TempDir, MediaStore) {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("a/b").to_str().unwrap().to_owned();
        let settings = MediaSettings {
            root,
            ..MediaSettings::default()
        };
        let store = MediaStore::open(&settings).unwrap();
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

    #[tokio::test]
    async fn a_large_file_is_written_in_parts_and_read_in_pieces() {
        let (folder, store) = store();
        let bytes: Vec<u8> = (0..251).cycle().take(PART_BYTES + 5).collect();
        let mut file = spooled(&bytes).await;
        let ours = organization(1);
        let stored = store.put_spooled(ours, &mut file).await.unwrap();
        assert_eq!(stored.sha256, file.sha256_hex());
        assert_eq!(store.put_spooled(ours, &mut file).await.unwrap(), stored);
        assert_eq!(files(&folder), 1);
        let read = async |range| {
            let reading = store.read(&stored.key, range).await.unwrap();
            let pieces: Vec<Bytes> = reading.pieces.try_collect().await.unwrap();
            let bytes = pieces.concat();
            assert_eq!(reading.size_bytes, byte_count(bytes.len()));
            bytes
        };
        assert_eq!(read(None).await, bytes);
        assert_eq!(
            read(Some(7..byte_count(PART_BYTES))).await,
            bytes[7..PART_BYTES]
        );
    }

    #[tokio::test]
    async fn the_end_of_a_damaged_file_is_not_given_out() {
        let (folder, store) = store();
        let mut file = spooled(&vec![7; 100_000]).await;
        let stored = store.put_spooled(organization(1), &mut file).await.unwrap();
        let path = folder.path().join("a/b").join(stored.key.to_string());
        std::fs::write(path, vec![8; 100_000]).unwrap();
        let mut pieces = store.read(&stored.key, None).await.unwrap().pieces;
        let mut received = 0;
        let error = loop {
            match pieces.next().await.unwrap() {
                Ok(piece) => received += piece.len(),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, MediaError::Damaged { .. }), "{error:?}");
        assert!(received < 100_000);
    }
}
