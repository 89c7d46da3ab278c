//! Creating durable consumers and asking how far they are.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, Info, PriorityPolicy};
use sb_events::consumers::ConsumerSpec;

use crate::{Bus, BusError};

/// A pinned consumer has one group: whoever owns it.
pub(crate) const OWNER_GROUP: &str = "owner";

/// An owner that has not asked for messages for this long has lost the consumer to whoever stands by.
/// Three times as long as a reader goes without asking.
const OWNER_TIMEOUT: Duration = Duration::from_secs(15);

/// What a consumer has before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Envelopes that nobody has been given yet.
    pub waiting: u64,
    /// Envelopes that somebody works on, or that wait for their next try.
    pub in_flight: u64,
}

impl Backlog {
    /// Whether everything that was published is done.
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0 && self.in_flight == 0
    }

    /// Both together.
    pub const fn total(&self) -> u64 {
        self.waiting.saturating_add(self.in_flight)
    }
}

impl Bus {
    /// How much a consumer has not finished yet.
    ///
    /// # Errors
    /// [`BusError::Request`] when the consumer does not exist (its runner creates it) or the server
    /// does not answer.
    pub async fn pending(&self, spec: &ConsumerSpec) -> Result<Backlog, BusError> {
        let info = self.consumer_state(spec).await?;
        Ok(Backlog {
            waiting: info.num_pending,
            in_flight: u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX),
        })
    }

    /// Whether a consumer has finished everything up to this place in its stream.
    ///
    /// # Errors
    /// As [`Bus::pending`].
    pub async fn is_finished(&self, spec: &ConsumerSpec, sequence: u64) -> Result<bool, BusError> {
        let info = self.consumer_state(spec).await?;
        Ok(info.ack_floor.stream_sequence >= sequence)
    }

    async fn consumer_state(&self, spec: &ConsumerSpec) -> Result<Info, BusError> {
        let failed = |source: crate::BoxError| BusError::Request {
            wanted: format!("the backlog of {}", spec.durable),
            source,
        };
        let stream = spec.stream.name(self.topology());
        let stream = self
            .context()
            .get_stream_no_info(stream)
            .await
            .map_err(|error| failed(error.into()))?;
        stream
            .consumer_info(&spec.durable)
            .await
            .map_err(|error| failed(error.into()))
    }

    /// Creates a durable consumer or changes it to what its spec says.
    pub(crate) async fn ensure_consumer(&self, spec: &ConsumerSpec) -> Result<(), BusError> {
        let stream = spec.stream.name(self.topology());
        let created = self
            .context()
            .create_consumer_on_stream(config(spec), stream)
            .await;
        match created {
            Ok(_) => Ok(()),
            Err(source) => Err(BusError::Consumer {
                durable: spec.durable.clone(),
                source,
            }),
        }
    }

    /// Gives a pinned consumer up, so that who stands by need not wait for the owner's silence.
    pub(crate) async fn give_up_ownership(&self, spec: &ConsumerSpec) {
        let stream = spec.stream.name(self.topology());
        let Ok(stream) = self.context().get_stream_no_info(stream).await else {
            return;
        };
        if let Err(error) = stream.unpin_consumer(&spec.durable, OWNER_GROUP).await {
            tracing::debug!(
                messaging.consumer = %spec.durable,
                error = sb_telemetry::as_error(&error),
                "ownership was not given up, it will time out"
            );
        }
    }
}

fn config(spec: &ConsumerSpec) -> Config {
    let (filter_subject, filter_subjects) = match spec.filters.as_slice() {
        [only] => (only.clone(), Vec::new()),
        several => (String::new(), several.to_vec()),
    };
    let (priority_policy, priority_groups, priority_timeout) = if spec.pinned {
        (
            PriorityPolicy::PinnedClient,
            vec![OWNER_GROUP.to_owned()],
            OWNER_TIMEOUT,
        )
    } else {
        (PriorityPolicy::None, Vec::new(), Duration::ZERO)
    };
    Config {
        durable_name: Some(spec.durable.clone()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: spec.ack_wait,
        // The runner counts tries itself: at its limit the server would drop a message silently,
        // without a dead letter.
        max_deliver: -1,
        max_ack_pending: spec.max_ack_pending,
        filter_subject,
        filter_subjects,
        priority_policy,
        priority_groups,
        priority_timeout,
        ..Config::default()
    }
}
