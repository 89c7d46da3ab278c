//! The connection to one gateway with one credential.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use reqwest::Method;
use sb_egress::{Egress, EgressRequest, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{ClientError, Problem};

/// Largest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// A client of the gateway. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    base_url: Arc<str>,
    credential: Arc<SecretString>,
    egress: Egress,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// Parts of a path after `/v1`, escaped one by one.
pub(crate) type Path<'a> = &'a [&'a str];

impl Client {
    /// A client for the gateway at `base_url` with an API key, or with the operator's key for the operations on
    /// organizations. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::BaseUrl`].
    pub fn new(
        base_url: &str,
        credential: impl Into<String>,
        egress: Egress,
    ) -> Result<Self, ClientError> {
        let unusable = |source| ClientError::BaseUrl {
            base_url: base_url.to_owned(),
            source,
        };
        let url = Url::parse(base_url).map_err(|error| unusable(Some(error)))?;
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err(unusable(None));
        }
        Ok(Self {
            base_url: base_url.trim_end_matches('/').into(),
            credential: Arc::new(SecretString::from(credential.into())),
            egress,
        })
    }

    /// Where the gateway is.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn request(&self, method: Method, path: Path<'_>) -> EgressRequest {
        self.egress
            .request(method, format!("{}/v1{}", self.base_url, escaped(path)))
            // The operator or the user of the command line chose the gateway, not a tenant.
            .trusted()
            .bearer(self.credential.expose_secret())
            .header("accept", "application/json")
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: Path<'_>,
    ) -> Result<T, ClientError> {
        let request = self.request(Method::GET, path);
        fetch(operation, request).await
    }

    pub(crate) async fn list<T: DeserializeOwned, Q: Serialize + Sync + ?Sized>(
        &self,
        operation: &'static str,
        path: Path<'_>,
        query: &Q,
    ) -> Result<T, ClientError> {
        let request = self.request(Method::GET, path).query(query);
        fetch(operation, request).await
    }

    pub(crate) async fn post<T: DeserializeOwned, B: Serialize + Sync>(
        &self,
        operation: &'static str,
        path: Path<'_>,
        body: &B,
        idempotency_key: Option<&str>,
    ) -> Result<T, ClientError> {
        let mut request = self.request(Method::POST, path).json(body);
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        fetch(operation, request).await
    }

    pub(crate) async fn patch<T: DeserializeOwned, B: Serialize + Sync>(
        &self,
        operation: &'static str,
        path: Path<'_>,
        body: &B,
    ) -> Result<T, ClientError> {
        let request = self.request(Method::PATCH, path).json(body);
        fetch(operation, request).await
    }
}

fn escaped(path: Path<'_>) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    path.iter().fold(String::new(), |mut text, part| {
        text.push('/');
        for c in part.chars() {
            if safe(c) {
                text.push(c);
            } else {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "%{byte:02X}");
                }
            }
        }
        text
    })
}

/// Sends a request and reads its answer.
pub(crate) async fn fetch<T: DeserializeOwned>(
    operation: &'static str,
    request: EgressRequest,
) -> Result<T, ClientError> {
    let response = accepted(operation, request).await?;
    response
        .json_limited(ANSWER_LIMIT)
        .await
        .map_err(|source| ClientError::Transport { operation, source })
}

/// Sends a request; anything but success is an error.
pub(crate) async fn accepted(
    operation: &'static str,
    request: EgressRequest,
) -> Result<Response, ClientError> {
    let sent = request.send(operation).await;
    let response = sent.map_err(|source| ClientError::Transport { operation, source })?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let problem: Result<Problem, _> = response.json_limited(ANSWER_LIMIT).await;
    Err(match problem {
        Ok(problem) => ClientError::Problem {
            operation,
            problem: Box::new(problem),
        },
        Err(_unreadable) => ClientError::NotTheGateway {
            operation,
            status: status.as_u16(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        assert_eq!(escaped(&["messages", "a-1"]), "/messages/a-1");
        assert_eq!(escaped(&["messages", "../x?y"]), "/messages/..%2Fx%3Fy");
        assert_eq!(escaped(&["ü"]), "/%C3%BC");
    }
}
