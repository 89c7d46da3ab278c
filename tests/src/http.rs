//! JSON over HTTP as any client speaks it, raw enough to send what no SDK would.

use std::time::Duration;

use anyhow::{Context, ensure};
use sb_client::Client;
use sb_config::EgressSettings;
use sb_egress::{Egress, EgressRequest, Method};
use serde_json::Value;

/// Largest answer that is read.
const ANSWER_MAX: usize = 64 * 1024 * 1024;
/// Nothing that is asked here takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// An HTTP client.
#[derive(Debug, Clone)]
pub struct Http(Egress);

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for messages.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// `Content-Type`, empty when absent.
    pub content_type: String,
    /// The body; text that is not JSON is a string.
    pub body: Value,
}

impl Answer {
    /// The body, when the status is the expected one.
    ///
    /// # Errors
    /// Any other status, with what was said.
    pub fn expect(self, status: u16) -> anyhow::Result<Value> {
        ensure!(
            self.status == status,
            "{} answered {}: {}",
            self.asked,
            self.status,
            self.body
        );
        Ok(self.body)
    }

    /// The stable code, when this is a problem document with the expected status.
    ///
    /// # Errors
    /// Any other status, or a body that is no problem document (RFC 9457) with a code.
    pub fn problem(self, status: u16) -> anyhow::Result<String> {
        ensure!(
            self.status == status,
            "{} answered {}: {}",
            self.asked,
            self.status,
            self.body
        );
        ensure!(
            self.content_type.starts_with("application/problem+json"),
            "{} answered with {:?} instead of a problem document",
            self.asked,
            self.content_type
        );
        text_at(&self.body, "/code")
    }
}

/// A text inside a document.
///
/// # Errors
/// When there is none at this place.
pub(crate) fn text_at(document: &Value, pointer: &str) -> anyhow::Result<String> {
    document
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("no text at {pointer} in {document}"))
}

impl Http {
    /// A client that may talk to this machine.
    ///
    /// # Errors
    /// When the TLS stack cannot be set up.
    pub fn new() -> anyhow::Result<Self> {
        let settings = EgressSettings {
            allow_private_addresses: true,
            ..EgressSettings::default()
        };
        Ok(Self(Egress::new(&settings)?))
    }

    /// A request to a local address.
    pub fn request(&self, method: Method, url: &str) -> EgressRequest {
        self.0.request(method, url).trusted().timeout(PATIENCE)
    }

    /// Sends a request and reads the answer, whatever it is.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn send(&self, asked: &str, request: EgressRequest) -> anyhow::Result<Answer> {
        let response = request
            .send("e2e")
            .await
            .with_context(|| asked.to_owned())?;
        let status = response.status().as_u16();
        let content_type = response
            .header("content-type")
            .unwrap_or_default()
            .to_owned();
        let bytes = response
            .bytes_limited(ANSWER_MAX)
            .await
            .with_context(|| asked.to_owned())?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer {
            asked: asked.to_owned(),
            status,
            content_type,
            body,
        })
    }
}

/// The gateway's API, with a credential.
#[derive(Debug, Clone)]
pub struct Api {
    http: Http,
    base: String,
    key: Option<String>,
}

impl Api {
    /// The API at an address, without a credential.
    pub fn new(http: Http, base: impl Into<String>) -> Self {
        Self {
            http,
            base: base.into(),
            key: None,
        }
    }

    /// The same API with this credential.
    #[must_use]
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..self.clone()
        }
    }

    /// The SDK for the same gateway with this credential.
    ///
    /// # Errors
    /// When the address is none.
    pub fn client(&self, key: &str) -> anyhow::Result<Client> {
        Ok(Client::new(&self.base, key, self.http.0.clone())?)
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request with the credential, for what the methods below do not do.
    pub fn request(&self, method: Method, path: &str) -> EgressRequest {
        let request = self.http.request(method, &self.url(path));
        match &self.key {
            Some(key) => request.bearer(key),
            None => request,
        }
    }

    /// Sends such a request.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn send(&self, asked: &str, request: EgressRequest) -> anyhow::Result<Answer> {
        self.http.send(asked, request).await
    }

    /// `GET`.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let request = self.request(Method::GET, path);
        self.send(&format!("GET {path}"), request).await
    }

    /// `POST` of a JSON body.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let request = self.request(Method::POST, path).json(body);
        self.send(&format!("POST {path}"), request).await
    }

    /// `PATCH` with a JSON body.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let request = self.request(Method::PATCH, path).json(body);
        self.send(&format!("PATCH {path}"), request).await
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        let request = self.request(Method::DELETE, path);
        self.send(&format!("DELETE {path}"), request).await
    }
}
