//! A private server, events to publish, handlers that remember.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::DateTime;
use sb_bus::{Bus, Delivered, EventHandler, HandlerError, Runner};
use sb_config::NatsSettings;
use sb_events::consumers::{ConsumerSpec, agent_turns};
use sb_events::proto::message::v1::{MessageReceived, MessageRef};
use sb_events::{Addressed, Event, Origin, Stream, Topology, meta};
use sb_ids::{ConversationId, EventId, OrganizationId};
use sb_local::{NatsOptions, NatsServer};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A server of its own with a connection and all streams.
pub(crate) struct Rig {
    pub(crate) bus: Bus,
    pub(crate) server: NatsServer,
    pub(crate) settings: NatsSettings,
    _dir: TempDir,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(NatsOptions {
            sync_always: false,
            ..NatsOptions::default()
        })
        .await
    }

    pub(crate) async fn with(options: NatsOptions) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let server = NatsServer::start(Path::new(dir.path()), options)
            .await
            .unwrap();
        let settings = NatsSettings {
            url: server.url().into(),
            prefix: "test".to_owned(),
            ..NatsSettings::default()
        };
        let bus = Bus::connect(&settings).await.unwrap();
        bus.ensure_streams().await.unwrap();
        Self {
            bus,
            server,
            settings,
            _dir: dir,
        }
    }

    pub(crate) fn topology(&self) -> &Topology {
        self.bus.topology()
    }

    /// JetStream as an outsider sees it.
    pub(crate) async fn jetstream(&self) -> async_nats::jetstream::Context {
        async_nats::jetstream::new(async_nats::connect(self.server.url()).await.unwrap())
    }

    pub(crate) async fn stored(&self, stream: Stream) -> u64 {
        let name = stream.name(self.topology());
        let stream = self.jetstream().await.get_stream(name).await.unwrap();
        stream.cached_info().state.messages
    }

    /// A consumer of received messages that does not wait long.
    pub(crate) fn spec(&self) -> ConsumerSpec {
        ConsumerSpec {
            ack_wait: Duration::from_secs(1),
            ..agent_turns(self.topology())
        }
    }

    /// Whether the consumer was given something and has finished everything.
    pub(crate) async fn is_drained(&self, spec: &ConsumerSpec) -> bool {
        let stream = spec.stream.name(self.topology());
        let Ok(stream) = self.jetstream().await.get_stream(stream).await else {
            return false;
        };
        let begun = stream
            .consumer_info(&spec.durable)
            .await
            .is_ok_and(|info| info.delivered.stream_sequence > 0);
        let pending = self.bus.pending(spec).await;
        begun && pending.is_ok_and(|backlog| backlog.is_empty())
    }
}

/// A conversation whose events share a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thread {
    pub(crate) organization: OrganizationId,
    conversation: ConversationId,
}

impl Thread {
    pub(crate) fn of(organization: u128) -> Self {
        Self {
            organization: OrganizationId::from_uuid(Uuid::from_u128(organization)),
            conversation: ConversationId::from_uuid(Uuid::from_u128(organization)),
        }
    }

    /// Another conversation of the same organization.
    pub(crate) fn other(self, conversation: u128) -> Self {
        Self {
            conversation: ConversationId::from_uuid(Uuid::from_u128(conversation)),
            ..self
        }
    }

    /// The event that carries `n`.
    pub(crate) fn event(self, topology: &Topology, n: usize) -> Addressed {
        Addressed::new(topology, &self.received(n)).unwrap()
    }

    pub(crate) fn events(self, topology: &Topology, n: std::ops::Range<usize>) -> Vec<Addressed> {
        n.map(|n| self.event(topology, n)).collect()
    }

    fn received(self, n: usize) -> MessageReceived {
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let id = EventId::derive(self.conversation.as_uuid(), &n.to_string());
        MessageReceived {
            meta: Some(meta(id, at, self.organization, Origin::default())),
            message: Some(MessageRef {
                conversation_id: self.conversation.to_string(),
                ..MessageRef::default()
            }),
            content_type: n.to_string(),
            ..MessageReceived::default()
        }
    }
}

/// The `n` of an event.
pub(crate) fn number(event: &MessageReceived) -> usize {
    event.content_type.parse().unwrap()
}

/// What a handler was given, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<usize>>>);

impl Seen {
    pub(crate) fn push(&self, n: usize) {
        self.0.lock().unwrap().push(n);
    }

    pub(crate) fn all(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// How often each was seen.
    pub(crate) fn counts(&self) -> BTreeMap<usize, usize> {
        let mut counts = BTreeMap::new();
        for n in self.all() {
            *counts.entry(n).or_default() += 1;
        }
        counts
    }
}

/// A handler made of a closure.
pub(crate) struct With<F>(pub(crate) F);

impl<E, F, Fut> EventHandler<E> for With<F>
where
    E: Event,
    F: Fn(Delivered<E>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send,
{
    async fn handle(&self, event: Delivered<E>) -> Result<(), HandlerError> {
        (self.0)(event).await
    }
}

/// A handler that remembers and succeeds.
pub(crate) fn remember(seen: &Seen) -> impl EventHandler<MessageReceived> + use<> {
    let seen = seen.clone();
    With(move |delivered: Delivered<MessageReceived>| {
        seen.push(number(&delivered.event));
        std::future::ready(Ok(()))
    })
}

/// A runner at work.
pub(crate) struct Running {
    stopping: CancellationToken,
    task: JoinHandle<Result<(), sb_bus::BusError>>,
}

impl Running {
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no lifecycle here, and crashing is what some tests are about"
    )]
    pub(crate) fn start(runner: Runner) -> Self {
        let stopping = CancellationToken::new();
        let task = tokio::spawn(runner.run(stopping.clone()));
        Self { stopping, task }
    }

    /// Stops it in good order.
    pub(crate) async fn stop(self) {
        self.stopping.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Waits for something that must become true.
pub(crate) async fn wait_until(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(40);
    while !condition().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "still waiting until {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An error for handlers to return.
pub(crate) fn mishap() -> HandlerError {
    HandlerError::retry_after(Duration::from_millis(20), std::io::Error::other("mishap"))
}
