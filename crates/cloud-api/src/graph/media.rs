//! Files of messages: where they are, and their bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sb_config::Secret;
use sb_egress::multipart::{Form, Part};
use sb_egress::{Body, EgressError, Response};
use sb_ids::PhoneNumberId;
use serde::Deserialize;
use url::Url;

use super::{Graph, GraphError, answer::read};
use crate::errors::MetaError;

const SHA256_BYTES: usize = 32;

/// Domains of Meta's from which files come. Elsewhere the token must not go, whatever an answer says.
const FILE_DOMAINS: [&str; 4] = ["fbsbx.com", "facebook.com", "fbcdn.net", "whatsapp.net"];

/// Where a file is and what Meta says about it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct MediaLink {
    /// Where the bytes are, for five minutes. Not to be logged.
    pub url: String,
    /// What the sender says it is.
    #[serde(default)]
    pub mime_type: String,
    /// SHA-256 of the bytes, in hexadecimal or base64.
    #[serde(default)]
    pub sha256: String,
    /// Size in bytes.
    #[serde(default)]
    pub file_size: Option<u64>,
}

impl MediaLink {
    /// SHA-256 of the bytes in lowercase hexadecimal; `None` when Meta says none that can be read.
    pub fn sha256_hex(&self) -> Option<String> {
        let said = self.sha256.trim();
        let bytes = hex::decode(said)
            .ok()
            .or_else(|| STANDARD.decode(said).ok())?;
        (bytes.len() == SHA256_BYTES).then(|| hex::encode(bytes))
    }
}

/// The address lets whoever has a token of the app read the file.
impl std::fmt::Debug for MediaLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaLink")
            .field("mime_type", &self.mime_type)
            .field("file_size", &self.file_size)
            .finish_non_exhaustive()
    }
}

/// Why the bytes of a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address is not one of Meta's: the token does not go there.
    #[error("the address of a file is not Meta's")]
    ForeignAddress,
    /// The address is too old, or the file is gone: Meta tells neither apart.
    #[error("there is no file at its address")]
    NotFound,
    /// Meta answered something else.
    #[error("downloading a file: Meta answered HTTP {http_status}")]
    Refused {
        /// The answer's status.
        http_status: u16,
    },
    /// The answer did not come.
    #[error("downloading a file")]
    Exchange(#[source] EgressError),
}

/// A file on its way to Meta.
pub struct Upload {
    /// What it is, with what Meta wants to know of a codec: `audio/ogg; codecs=opus`.
    pub mime_type: String,
    /// Its name; Meta looks at its ending.
    pub filename: String,
    /// How many bytes there are.
    pub size_bytes: u64,
    /// They.
    pub bytes: Body,
}

/// A name may be personal.
impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("mime_type", &self.mime_type)
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Uploaded {
    id: String,
}

impl Graph {
    /// Gives Meta a file to send from `number`, and returns Meta's id of it, which is good for thirty days.
    ///
    /// # Errors
    /// [`GraphError`]; repeating the call leaves another copy with Meta and does no harm.
    ///
    /// # Source
    /// Meta, "Media": `POST /{phone_number_id}/media`, a form with `messaging_product`, `type` and `file`.
    pub async fn upload_media(
        &self,
        token: &Secret,
        number: &PhoneNumberId,
        upload: Upload,
    ) -> Result<String, GraphError> {
        const OPERATION: &str = "meta.media.upload";
        let file = Part::stream_with_length(upload.bytes, upload.size_bytes)
            .file_name(upload.filename)
            .mime_str(&upload.mime_type)
            .unwrap_or_else(|_| Part::bytes(Vec::new()));
        let form = Form::new()
            .text("messaging_product", "whatsapp")
            .text("type", upload.mime_type)
            .part("file", file);
        let request = self.post(token, &format!("{number}/media")).multipart(form);
        let sent = request.send(OPERATION).await;
        let answer: Uploaded = read(OPERATION, "id", sent).await?;
        Ok(answer.id)
    }

    /// Asks where a file is.
    ///
    /// # Errors
    /// [`GraphError`]; repeating the call is always safe.
    ///
    /// # Source
    /// Meta, "Media": `GET /{media_id}?phone_number_id=…`; the address is good for five minutes.
    pub async fn media_link(
        &self,
        token: &Secret,
        media_id: &str,
        number: &PhoneNumberId,
    ) -> Result<MediaLink, GraphError> {
        const OPERATION: &str = "meta.media.get";
        // An id is a segment of the path, whatever was sent as one.
        if media_id.is_empty() || !media_id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(GraphError::Refused {
                operation: OPERATION,
                code: None,
                subcode: None,
                http_status: 404,
                class: crate::errors::RetryClass::Permanent,
                retry_after: None,
                error: Box::new(MetaError::from_value(serde_json::Value::Null)),
            });
        }
        let request = self
            .get(token, media_id)
            .query(&[("phone_number_id", number.as_str())]);
        let sent = request.send(OPERATION).await;
        read(OPERATION, "url", sent).await
    }

    /// Begins to download a file; the caller reads and bounds the body.
    ///
    /// # Errors
    /// [`DownloadError`]; repeating the call is always safe.
    ///
    /// # Source
    /// Meta, "Media": the same bearer token; a bad or expired address answers 404.
    pub async fn download(
        &self,
        token: &Secret,
        link: &MediaLink,
    ) -> Result<Response, DownloadError> {
        let origin = self.origin_of_file(&link.url)?;
        let request = self.egress.get(&link.url);
        let request = match origin {
            Origin::Configured => request.trusted(),
            Origin::Meta => request,
        };
        let request = request.bearer(token.expose()).timeout(self.timeout);
        let response = request
            .send("meta.media.download")
            .await
            .map_err(DownloadError::Exchange)?;
        match response.status().as_u16() {
            200..=299 => Ok(response),
            404 | 410 => Err(DownloadError::NotFound),
            http_status => Err(DownloadError::Refused { http_status }),
        }
    }

    fn origin_of_file(&self, url: &str) -> Result<Origin, DownloadError> {
        let url = Url::parse(url).map_err(|_| DownloadError::ForeignAddress)?;
        if Url::parse(&self.root).is_ok_and(|root| root.origin() == url.origin()) {
            return Ok(Origin::Configured);
        }
        let host = url.host_str().unwrap_or_default();
        let is_meta = FILE_DOMAINS.iter().any(|domain| {
            host == *domain
                || host
                    .strip_suffix(domain)
                    .is_some_and(|rest| rest.ends_with('.'))
        });
        if is_meta && url.scheme() == "https" && url.port().is_none() {
            Ok(Origin::Meta)
        } else {
            Err(DownloadError::ForeignAddress)
        }
    }
}

/// Whose address a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The server the operator configured as the Graph API.
    Configured,
    /// A server of Meta's.
    Meta,
}

#[cfg(test)]
mod tests {
    use sb_config::EgressSettings;
    use sb_egress::Egress;

    use super::*;

    #[test]
    fn a_hash_reads_in_both_spellings() {
        let link = |sha256: &str| MediaLink {
            url: String::new(),
            mime_type: String::new(),
            sha256: sha256.to_owned(),
            file_size: None,
        };
        let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(link(hello).sha256_hex().as_deref(), Some(hello));
        let base64 = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
        assert_eq!(link(base64).sha256_hex().as_deref(), Some(hello));
        assert_eq!(link("").sha256_hex(), None);
        assert_eq!(link("abcd").sha256_hex(), None);
    }

    #[test]
    fn the_token_goes_to_meta_and_to_the_configured_server_only() {
        let egress = Egress::new(&EgressSettings::default()).unwrap();
        let graph = Graph::new(egress, "http://127.0.0.1:8090", "v26.0");
        let origin = |url| graph.origin_of_file(url).ok();
        for url in [
            "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
            "https://scontent.whatsapp.net/x",
        ] {
            assert_eq!(origin(url), Some(Origin::Meta), "{url}");
        }
        assert_eq!(
            origin("http://127.0.0.1:8090/whatsapp_business/attachments/?mid=1"),
            Some(Origin::Configured)
        );
        for url in [
            "http://lookaside.fbsbx.com/",
            "https://lookaside.fbsbx.com:8443/",
            "https://evilfbsbx.com/",
            "https://fbsbx.com.evil.example/",
            "https://fbsbx.com@evil.example/",
            "http://127.0.0.1:8091/",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(origin(url), None, "{url}");
        }
    }
}
