//! Bytes while they arrive: in a file without a name, so that memory stays flat however large they are.

use std::io::SeekFrom;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use ring::digest;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use crate::MediaError;

/// How much is read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Takes the bytes of one file.
pub struct Spool {
    file: File,
    hash: digest::Context,
    size_bytes: u64,
    limit_bytes: u64,
}

/// The bytes were more than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file has more than {limit_bytes} bytes")]
pub struct TooManyBytes {
    /// The limit.
    pub limit_bytes: u64,
}

/// Why bytes were not taken.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// There are more than the limit.
    #[error(transparent)]
    TooMany(#[from] TooManyBytes),
    /// The file cannot be written.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// All bytes of one file; it goes away with its last user.
#[derive(Debug)]
pub struct SpooledFile {
    file: File,
    sha256: [u8; 32],
    size_bytes: u64,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool")
            .field("size_bytes", &self.size_bytes)
            .field("limit_bytes", &self.limit_bytes)
            .finish_non_exhaustive()
    }
}

impl Spool {
    /// Makes room for a file of at most `limit_bytes` in the system's folder for temporary files.
    ///
    /// # Errors
    /// [`MediaError::Spool`].
    pub async fn new(limit_bytes: u64) -> Result<Self, MediaError> {
        let made = tokio::task::spawn_blocking(tempfile::tempfile).await;
        let file = made
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(MediaError::spool("creating"))?;
        Ok(Self {
            file: File::from_std(file),
            hash: digest::Context::new(&digest::SHA256),
            size_bytes: 0,
            limit_bytes,
        })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), SpoolError> {
        let limit_bytes = self.limit_bytes;
        let size_bytes = self.size_bytes.saturating_add(byte_count(chunk.len()));
        if size_bytes > limit_bytes {
            return Err(TooManyBytes { limit_bytes }.into());
        }
        self.size_bytes = size_bytes;
        self.hash.update(chunk);
        let written = self.file.write_all(chunk).await;
        Ok(written.map_err(MediaError::spool("writing"))?)
    }

    /// There are no more bytes.
    ///
    /// # Errors
    /// [`MediaError::Spool`].
    pub async fn finish(mut self) -> Result<SpooledFile, MediaError> {
        let flushed = self.file.flush().await;
        flushed.map_err(MediaError::spool("writing"))?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.finish().as_ref());
        Ok(SpooledFile {
            file: self.file,
            sha256,
            size_bytes: self.size_bytes,
        })
    }
}

impl SpooledFile {
    /// The SHA-256 of the bytes.
    pub const fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The SHA-256 of the bytes in lowercase hex.
    pub fn sha256_hex(&self) -> String {
        hex::encode(self.sha256)
    }

    /// How many bytes there are.
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The first bytes, at most `length`.
    pub(crate) async fn head(&mut self, length: usize) -> Result<Bytes, MediaError> {
        self.rewind().await?;
        self.next(length).await
    }

    /// The last bytes, at most `length`.
    pub(crate) async fn tail(&mut self, length: usize) -> Result<Bytes, MediaError> {
        let start = self.size_bytes.saturating_sub(byte_count(length));
        let seeked = self.file.seek(SeekFrom::Start(start)).await;
        seeked.map_err(MediaError::spool("reading"))?;
        self.next(length).await
    }

    pub(crate) async fn rewind(&mut self) -> Result<(), MediaError> {
        let seeked = self.file.rewind().await;
        seeked.map(drop).map_err(MediaError::spool("reading"))
    }

    /// The next bytes: `length`, or what is left.
    pub(crate) async fn next(&mut self, length: usize) -> Result<Bytes, MediaError> {
        let mut bytes = BytesMut::new();
        let mut part = (&mut self.file).take(byte_count(length));
        while part
            .read_buf(&mut bytes)
            .await
            .map_err(MediaError::spool("reading"))?
            > 0
        {}
        Ok(bytes.freeze())
    }

    /// All bytes in pieces.
    pub(crate) async fn pieces(
        &mut self,
    ) -> Result<impl Stream<Item = std::io::Result<Bytes>>, MediaError> {
        self.rewind().await?;
        Ok(tokio_util::io::ReaderStream::with_capacity(
            &mut self.file,
            PIECE_BYTES,
        ))
    }

    /// All bytes in pieces, for somebody who keeps the file.
    ///
    /// # Errors
    /// [`MediaError::Spool`].
    pub async fn into_pieces(
        mut self,
    ) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send + 'static, MediaError> {
        self.rewind().await?;
        Ok(tokio_util::io::ReaderStream::with_capacity(
            self.file,
            PIECE_BYTES,
        ))
    }

    /// A second handle for code that reads and seeks without `await`; both have one position.
    pub(crate) async fn blocking_handle(&mut self) -> Result<std::fs::File, MediaError> {
        self.rewind().await?;
        let handle = self.file.try_clone().await;
        let handle = handle.map_err(MediaError::spool("reading"))?;
        Ok(handle.into_std().await)
    }
}

pub(crate) fn byte_count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) async fn spooled(bytes: &[u8]) -> SpooledFile {
    let mut spool = Spool::new(byte_count(bytes.len())).await.unwrap();
    spool.write(bytes).await.unwrap();
    spool.finish().await.unwrap()
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn bytes_come_back_as_they_arrived_and_as_often_as_wanted() {
        let mut spool = Spool::new(6).await.unwrap();
        for chunk in [b"ab".as_slice(), b"", b"c"] {
            spool.write(chunk).await.unwrap();
        }
        let mut file = spool.finish().await.unwrap();
        assert_eq!(file.size_bytes(), 3);
        assert_eq!(
            file.sha256_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(file.head(2).await.unwrap(), "ab");
        assert_eq!(file.tail(2).await.unwrap(), "bc");
        assert_eq!(file.tail(20).await.unwrap(), "abc");
        for _ in 0..2 {
            let pieces = file.pieces().await.unwrap();
            let all: Vec<Bytes> = pieces.try_collect().await.unwrap();
            assert_eq!(all.concat(), b"abc");
        }
    }

    #[tokio::test]
    async fn no_more_than_the_limit_is_taken() {
        let mut spool = Spool::new(3).await.unwrap();
        spool.write(b"abc").await.unwrap();
        let error = spool.write(b"d").await.unwrap_err();
        assert!(
            matches!(error, SpoolError::TooMany(TooManyBytes { limit_bytes: 3 })),
            "{error:?}"
        );
    }
}
