//! One try: ask where the file is, download it, look at it, store it.

use bytes::Bytes;
use ring::digest;
use sb_cloud_api::graph::{DownloadError, Graph, MediaLink};
use sb_config::Secret;
use sb_db::{FetchedFile, WantedFile};
use sb_ids::OrganizationId;
use sb_media::{MediaKey, MediaStore};

use super::failure::Failure;
use super::tokens::Tokens;

/// Where files come from and where they go.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) graph: Graph,
    /// The same with more patience.
    pub(super) downloads: Graph,
    pub(super) tokens: Tokens,
    pub(super) store: MediaStore,
    pub(super) limit_bytes: u64,
}

impl Source {
    /// Gets a file and stores it.
    ///
    /// # Errors
    /// [`Failure`].
    #[tracing::instrument(
        name = "handler.media.fetch",
        skip_all,
        fields(organization.id = %organization, media.id = %file.id),
    )]
    pub(super) async fn fetch(
        &self,
        organization: OrganizationId,
        file: &WantedFile,
    ) -> Result<(MediaKey, FetchedFile), Failure> {
        let token = self.token(organization, file)?;
        let (link, bytes) = self.download(&token, file).await?;
        let sha256 = hex::encode(digest::digest(&digest::SHA256, &bytes));
        if link.sha256_hex().is_some_and(|said| said != sha256) {
            return Err(Failure::forever("media.hash_mismatch"));
        }
        let mime_type = if link.mime_type.is_empty() {
            file.mime_type.clone()
        } else {
            link.mime_type
        };
        let stored = self.store.put(organization, bytes).await?;
        let fetched = FetchedFile {
            sha256: stored.sha256,
            storage_key: stored.key.to_string(),
            thumbnail_key: None,
            mime_type,
            size_bytes: i64::try_from(stored.size_bytes).unwrap_or(i64::MAX),
        };
        Ok((stored.key, fetched))
    }

    fn token(&self, organization: OrganizationId, file: &WantedFile) -> Result<Secret, Failure> {
        match &file.access_token_sealed {
            Some(sealed) => self
                .tokens
                .open(organization, file.number, sealed)
                .map_err(|error| {
                    tracing::error!(
                        error = sb_telemetry::as_error(&error),
                        "a number's access token cannot be opened"
                    );
                    Failure::forever("number.token_unreadable")
                }),
            None => self
                .tokens
                .system_user()
                .ok_or_else(|| Failure::forever("number.token_missing")),
        }
    }

    async fn download(
        &self,
        token: &Secret,
        file: &WantedFile,
    ) -> Result<(MediaLink, Bytes), Failure> {
        let link = self.link(token, file).await?;
        let (link, response) = match self.downloads.download(token, &link).await {
            // An address is good for five minutes; there is another one as long as there is a file.
            Err(DownloadError::NotFound) => {
                let fresh = self.link(token, file).await?;
                let response = self.downloads.download(token, &fresh).await;
                (fresh, response.map_err(Failure::of_download)?)
            }
            other => (link, other.map_err(Failure::of_download)?),
        };
        let limit = usize::try_from(self.limit_bytes).unwrap_or(usize::MAX);
        let bytes = response
            .bytes_limited(limit)
            .await
            .map_err(|error| Failure::of_download(DownloadError::Exchange(error)))?;
        Ok((link, bytes))
    }

    async fn link(&self, token: &Secret, file: &WantedFile) -> Result<MediaLink, Failure> {
        let link = self
            .graph
            .media_link(token, &file.meta_media_id, &file.phone_number_id)
            .await?;
        if link.file_size.is_some_and(|size| size > self.limit_bytes) {
            return Err(Failure::too_large());
        }
        Ok(link)
    }
}
