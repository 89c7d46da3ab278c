use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use sb_ids::MediaId;

use crate::client::{Client, fetch};
use crate::error::ClientError;
use crate::types::media::{Media, Upload};

/// The gateway itself gives up after five minutes.
const UPLOAD_TIMEOUT: Duration = Duration::from_mins(6);

impl Client {
    /// Stores a file.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn upload_media(&self, upload: Upload) -> Result<Media, ClientError> {
        const OPERATION: &str = "media.upload";
        let part = Part::bytes(upload.bytes)
            .file_name(upload.filename)
            .mime_str(&upload.mime_type)
            .map_err(|error| ClientError::Transport {
                operation: OPERATION,
                source: sb_egress::EgressError::Request(error),
            })?;
        let request = self
            .request(Method::POST, &["media"])
            .timeout(UPLOAD_TIMEOUT)
            .multipart(Form::new().part("file", part));
        fetch(OPERATION, request).await
    }

    /// Gets a file's description.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn media(&self, id: MediaId) -> Result<Media, ClientError> {
        self.get("media.get", &["media", &id.to_string()]).await
    }

    /// Has a file that failed fetched again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn retry_media(&self, id: MediaId) -> Result<Media, ClientError> {
        let request = self.request(Method::POST, &["media", &id.to_string(), "retry"]);
        fetch("media.retry", request).await
    }
}
