//! One try: ask where the file is, download it, look at it, store it.

use futures::StreamExt as _;
use sb_cloud_api::graph::{DownloadError, Graph, MediaLink};
use sb_config::Secret;
use sb_db::WantedFile;
use sb_egress::Response;
use sb_ids::OrganizationId;
use sb_media::{MediaStore, Spool, SpooledFile, TakenFile};

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
    ) -> Result<TakenFile, Failure> {
        let token = self.token(organization, file)?;
        let (link, bytes) = self.download(&token, file).await?;
        if link
            .sha256_hex()
            .is_some_and(|said| said != bytes.sha256_hex())
        {
            return Err(Failure::forever("media.hash_mismatch"));
        }
        let declared = if link.mime_type.is_empty() {
            &file.mime_type
        } else {
            &link.mime_type
        };
        Ok(self.store.take_in(organization, bytes, declared).await?)
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
    ) -> Result<(MediaLink, SpooledFile), Failure> {
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
        Ok((link, self.receive(response).await?))
    }

    async fn receive(&self, response: Response) -> Result<SpooledFile, Failure> {
        let announced = response.content_length();
        if announced.is_some_and(|size| size > self.limit_bytes) {
            return Err(Failure::too_large());
        }
        let mut spool = Spool::new(self.limit_bytes).await?;
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|e| Failure::of_download(DownloadError::Exchange(e)))?;
            spool.write(&chunk).await?;
        }
        Ok(spool.finish().await?)
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
