//! What can go wrong between us and the server.

use async_nats::jetstream;

/// An error of any kind, as handlers and the client library give it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why the bus could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The setting with the server's address cannot be read.
    #[error("the NATS address {servers} is not valid")]
    Address {
        /// The setting, without credentials.
        servers: String,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// The credentials cannot be read.
    #[error("the NATS credentials are not in the format of a credentials file")]
    Credentials(#[source] std::io::Error),
    /// No server answered.
    #[error("connecting to NATS at {servers} failed")]
    Connect {
        /// The setting, without credentials.
        servers: String,
        /// Why.
        #[source]
        source: async_nats::ConnectError,
    },
    /// The server is too old: it would silently ignore settings we rely on.
    #[error("nats-server {found} is too old, {needed} or newer is needed")]
    ServerTooOld {
        /// The version it reports.
        found: String,
        /// The oldest that will do.
        needed: &'static str,
    },
    /// A stream could not be created, changed or deleted.
    #[error("setting up the stream {stream} failed")]
    Stream {
        /// Its name.
        stream: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// A consumer could not be created or changed.
    #[error("setting up the consumer {durable} failed")]
    Consumer {
        /// Its name.
        durable: String,
        /// Why.
        #[source]
        source: jetstream::stream::ConsumerError,
    },
    /// A question to the server failed.
    #[error("asking NATS for {wanted} failed")]
    Request {
        /// What we wanted to know.
        wanted: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// JetStream does not answer.
    #[error("JetStream did not answer in {waited_ms} ms")]
    Silent {
        /// How long we waited.
        waited_ms: u128,
    },
    /// A task of the runner ended in a way it never should.
    #[error("the reader of {durable} ended unexpectedly")]
    Reader {
        /// The consumer.
        durable: String,
        /// The panic.
        #[source]
        source: tokio::task::JoinError,
    },
}

impl BusError {
    /// Whether trying again cannot help: the server understood the request and refuses it.
    pub(crate) fn is_refusal(&self) -> bool {
        let Self::Consumer { source, .. } = self else {
            return false;
        };
        matches!(
            source.kind(),
            jetstream::stream::ConsumerErrorKind::JetStream(error) if error.code() == 400
        )
    }

    /// Whether the stream is not there.
    pub(crate) fn is_missing_stream(&self) -> bool {
        let Self::Consumer { source, .. } = self else {
            return false;
        };
        matches!(
            source.kind(),
            jetstream::stream::ConsumerErrorKind::JetStream(error)
                if error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND
        )
    }
}

/// Why something was not published, or why nobody knows whether it was. Publishing it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// One event alone is larger than the server takes.
    #[error("{type_name} for {subject} has {size_bytes} bytes, the server takes {limit_bytes}")]
    TooLarge {
        /// Where it should have gone.
        subject: String,
        /// What it is.
        type_name: String,
        /// How large the message would be.
        size_bytes: usize,
        /// The server's limit.
        limit_bytes: usize,
    },
    /// The server did not acknowledge in time, however often we tried.
    #[error("publishing to {subject} was not acknowledged in {tries} tries")]
    NotAcknowledged {
        /// Where it should have gone.
        subject: String,
        /// How often it was sent, or could not be.
        tries: u32,
        /// The last failure.
        #[source]
        source: BoxError,
    },
    /// The server refuses the message.
    #[error("the server refuses what is published to {subject}")]
    Refused {
        /// Where it should have gone.
        subject: String,
        /// Its reason.
        #[source]
        source: BoxError,
    },
}

impl PublishError {
    /// Whether publishing the same again must fail again.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::TooLarge { .. } | Self::Refused { .. } => true,
            Self::NotAcknowledged { .. } => false,
        }
    }
}

/// Why events of a tenant cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// What comes after the asked position is no longer kept: the caller must read the state anew.
    #[error("event {asked} is no longer kept, the oldest is {oldest}")]
    Gone {
        /// The position that was asked for.
        asked: u64,
        /// The oldest there is.
        oldest: u64,
    },
    /// The server could not be asked.
    #[error("following the events of an organization failed")]
    Bus(#[from] BusError),
}
