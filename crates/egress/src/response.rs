use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream::BoxStream};
use reqwest::{StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;

use crate::EgressError;

/// The head of an answer; its body is read by exactly one of the methods that take `self`.
#[derive(Debug)]
pub struct Response {
    host: String,
    response: reqwest::Response,
}

impl Response {
    pub(crate) fn new(host: String, response: reqwest::Response) -> Self {
        Self { host, response }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// One header, when it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    /// The size of the body where the other side announced it.
    pub fn content_length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// Reads the body, up to `limit_bytes`.
    ///
    /// # Errors
    ///
    /// [`EgressError::TooLarge`] above the limit; [`EgressError::Timeout`] and
    /// [`EgressError::Interrupted`] when it breaks off.
    pub async fn bytes_limited(mut self, limit_bytes: usize) -> Result<Bytes, EgressError> {
        let announced = self.content_length().map(usize::try_from);
        if announced.is_some_and(|size| size.is_ok_and(|size| size > limit_bytes) || size.is_err())
        {
            return Err(EgressError::TooLarge {
                host: self.host,
                limit_bytes,
            });
        }
        let mut body = BytesMut::new();
        loop {
            let chunk = self.response.chunk().await;
            let chunk = chunk.map_err(|error| EgressError::classify(&self.host, error))?;
            let Some(chunk) = chunk else {
                return Ok(body.freeze());
            };
            if body.len() + chunk.len() > limit_bytes {
                return Err(EgressError::TooLarge {
                    host: self.host,
                    limit_bytes,
                });
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Reads the body, up to `limit_bytes`, as JSON.
    ///
    /// # Errors
    ///
    /// Those of [`Response::bytes_limited`], and [`EgressError::Decode`].
    pub async fn json_limited<T: DeserializeOwned>(
        self,
        limit_bytes: usize,
    ) -> Result<T, EgressError> {
        let host = self.host.clone();
        let body = self.bytes_limited(limit_bytes).await?;
        serde_json::from_slice(&body).map_err(|error| EgressError::decode(&host, &error))
    }

    /// The body as it arrives, for event streams and files. The caller bounds what it keeps.
    pub fn bytes_stream(self) -> BoxStream<'static, Result<Bytes, EgressError>> {
        let Self { host, response } = self;
        response
            .bytes_stream()
            .map(move |chunk| chunk.map_err(|error| EgressError::classify(&host, error)))
            .boxed()
    }
}
