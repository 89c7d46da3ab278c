//! What happens to each file before it is called stored, wherever it came from.

use sb_ids::OrganizationId;

use crate::scan::Verdict;
use crate::{MediaError, MediaKey, MediaStore, ScannerAway, SpooledFile, sniff};

/// A file that is stored, and what was found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenFile {
    /// Where it is.
    pub key: MediaKey,
    /// Where the small picture of an image is.
    pub thumbnail: Option<MediaKey>,
    /// The SHA-256 of the bytes in lowercase hex.
    pub sha256: String,
    /// Its size.
    pub size_bytes: u64,
    /// What it is: as its sender said, unless its bytes say something else.
    pub mime_type: String,
    /// What its sender said, where its bytes say something else.
    pub declared_mime_type: Option<String>,
}

/// Why a file was not taken in. Nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The scanner found something.
    #[error("the file is infected with {signature}")]
    Infected {
        /// The scanner's name for it.
        signature: String,
    },
    /// The scanner does not answer, and what it has not seen is not kept.
    #[error(transparent)]
    Scanner(#[from] ScannerAway),
    /// The file cannot be stored.
    #[error(transparent)]
    Media(#[from] MediaError),
}

impl MediaStore {
    /// Has a file scanned, finds out what it is, stores it, and a small picture of it if it is an image.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn take_in(
        &self,
        organization: OrganizationId,
        mut file: SpooledFile,
        declared: &str,
    ) -> Result<TakenFile, IntakeError> {
        if let Verdict::Infected { signature } = self.scanner().scan(&mut file).await? {
            return Err(IntakeError::Infected { signature });
        }
        let settled = sniff::settle(&mut file, declared).await?;
        let stored = self.put_spooled(organization, &mut file).await?;
        let thumbnail = match file.thumbnail(&settled.mime_type).await? {
            Some(picture) => Some(self.put(organization, picture).await?.key),
            None => None,
        };
        Ok(TakenFile {
            key: stored.key,
            thumbnail,
            sha256: stored.sha256,
            size_bytes: stored.size_bytes,
            mime_type: settled.mime_type,
            declared_mime_type: settled.overruled,
        })
    }
}
