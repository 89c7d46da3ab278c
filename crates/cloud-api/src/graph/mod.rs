//! The Graph API: what we ask of Meta.
//!
//! In: typed ids, content of `sb_domain` and an access token per call, since every tenant has its
//! own. Out: typed answers, or a [`GraphError`] that says whether the request took effect.
//!
//! - **Invariant:** a token travels in the `Authorization` header only, to the configured address and, for files,
//!   to Meta's own: no other link in an answer (`paging.next`) is followed.
//! - It never repeats a call; [`crate::errors::retry_wait`] tells the caller whether and when.

mod answer;
mod apps;
mod error;
mod media;
mod messages;
mod numbers;
mod send_body;

use std::time::Duration;

use sb_config::Secret;
use sb_egress::{Egress, EgressRequest};

pub use apps::{GranularScope, SubscribedApp, TokenInfo};
pub use error::GraphError;
pub use media::{DownloadError, MediaLink, Upload};
pub use messages::SendReceipt;
pub use numbers::PhoneNumberProfile;
pub use send_body::{CALLBACK_DATA_MAX, Endpoint, Recipient, SendBody, SendBodyError};

/// A client of the Graph API; cheap to clone.
#[derive(Debug, Clone)]
pub struct Graph {
    egress: Egress,
    /// Base URL with version, without a slash at the end.
    root: String,
    timeout: Duration,
}

/// Meta itself gives up on a call after half a minute; waiting longer tells nothing.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Graph {
    /// A client for the API at `base_url` (`https://graph.facebook.com`) in `api_version` (`v26.0`).
    /// Both come from the operator's settings, so the address may be private.
    pub fn new(egress: Egress, base_url: &str, api_version: &str) -> Self {
        Self {
            egress,
            root: format!("{}/{api_version}", base_url.trim_end_matches('/')),
            timeout: TIMEOUT,
        }
    }

    /// Limits each call to `timeout`.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn get(&self, token: &Secret, path: &str) -> EgressRequest {
        self.ready(self.egress.get(format!("{}/{path}", self.root)), token)
    }

    fn post(&self, token: &Secret, path: &str) -> EgressRequest {
        self.ready(self.egress.post(format!("{}/{path}", self.root)), token)
    }

    fn ready(&self, request: EgressRequest, token: &Secret) -> EgressRequest {
        request
            .trusted()
            .bearer(token.expose())
            .timeout(self.timeout)
    }
}

#[cfg(test)]
mod tests;
