//! From an HTTP request to durable bytes.
//!
//! Each worker thread has its own connection to NATS and its own committer: posts that arrive while the
//! previous envelope waits for its acknowledgement are packed into the next one. No timer is needed, and the
//! price of making bytes durable is paid once for all of them.

mod body;
mod commit;
mod metrics;

pub(crate) use body::{BodyError, Budget};
pub(crate) use commit::{CommitError, Committer};
pub(crate) use metrics::ReceiveMetrics;

use std::sync::Arc;

use sb_cloud_api::signature::SignatureKeys;
use sb_config::{Secret, WebhookSettings};
use sb_domain::Clock;

/// What the handlers share over all workers.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) keys: SignatureKeys,
    pub(crate) verify_token: Secret,
    pub(crate) max_body_bytes: usize,
    pub(crate) clock: Clock,
    pub(crate) metrics: ReceiveMetrics,
}

impl Receiver {
    pub(crate) fn new(
        keys: SignatureKeys,
        verify_token: Secret,
        settings: &WebhookSettings,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            keys,
            verify_token,
            max_body_bytes: settings.max_body_bytes,
            clock,
            metrics: ReceiveMetrics::new(),
        })
    }
}
