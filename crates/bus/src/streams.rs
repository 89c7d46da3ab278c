//! Creating the streams.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::context::{
    CreateStreamError, CreateStreamErrorKind, DeleteStreamErrorKind,
};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use sb_config::NatsSettings;
use sb_events::{Stream, Topology};

use crate::backoff::Backoff;
use crate::{Bus, BusError};

const TRIES: i64 = 5;

impl Bus {
    /// Creates every stream, or changes it to what the settings say. Any number of services may do
    /// this at the same time.
    ///
    /// # Errors
    /// [`BusError::Stream`] naming the stream that could not be set up.
    pub async fn ensure_streams(&self) -> Result<(), BusError> {
        for stream in Stream::ALL {
            self.ensure_stream(stream).await?;
        }
        Ok(())
    }

    async fn ensure_stream(&self, stream: Stream) -> Result<(), BusError> {
        let wanted = config(stream, self.topology(), self.settings());
        for tries in 1..=TRIES {
            match self.context().create_or_update_stream(wanted.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) if tries < TRIES && is_passing(&error) => {
                    tokio::time::sleep(Backoff::SERVER.after(tries)).await;
                }
                Err(error) => {
                    return Err(BusError::Stream {
                        stream: wanted.name,
                        source: error.into(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Deletes every stream of this installation with all it holds. For tests.
    ///
    /// # Errors
    /// [`BusError::Stream`] naming the stream that could not be deleted.
    pub async fn drop_streams(&self) -> Result<(), BusError> {
        for stream in Stream::ALL {
            let name = stream.name(self.topology());
            match self.context().delete_stream(&name).await {
                Ok(_) => {}
                Err(error) if is_already_gone(&error.kind()) => {}
                Err(error) => {
                    return Err(BusError::Stream {
                        stream: name,
                        source: error.into(),
                    });
                }
            }
        }
        Ok(())
    }
}

fn is_already_gone(kind: &DeleteStreamErrorKind) -> bool {
    matches!(kind, DeleteStreamErrorKind::JetStream(error)
        if error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND)
}

/// Another service was faster, or the server is only just starting.
fn is_passing(error: &CreateStreamError) -> bool {
    match error.kind() {
        CreateStreamErrorKind::TimedOut
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::NotFound
        | CreateStreamErrorKind::JetStreamUnavailable => true,
        CreateStreamErrorKind::JetStream(error) => {
            error.code() >= 500 || error.error_code() == jetstream::ErrorCode::STREAM_NAME_EXIST
        }
        CreateStreamErrorKind::EmptyStreamName
        | CreateStreamErrorKind::InvalidStreamName
        | CreateStreamErrorKind::DomainAndExternalSet
        | CreateStreamErrorKind::ResponseParse => false,
    }
}

fn config(stream: Stream, topology: &Topology, settings: &NatsSettings) -> Config {
    let hours = match stream {
        Stream::Updates => settings.updates_max_age_hours,
        Stream::Events => settings.events_max_age_hours,
        Stream::Dispatch | Stream::Media => settings.commands_max_age_hours,
        Stream::Dead => settings.dead_max_age_hours,
    };
    Config {
        name: stream.name(topology),
        description: Some(stream.description().to_owned()),
        subjects: stream.subjects(topology),
        // A work queue deletes on every ack, and each deletion is an fsync.
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        // A full UPDATES refuses new posts, which Meta keeps, rather than dropping posts already answered 200.
        discard: if stream == Stream::Updates {
            DiscardPolicy::New
        } else {
            DiscardPolicy::Old
        },
        num_replicas: settings.replicas,
        max_age: Duration::from_secs(hours.saturating_mul(3_600)),
        max_bytes: settings.stream_max_bytes,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        duplicate_window: Stream::DEDUPLICATION,
        allow_direct: true,
        ..Config::default()
    }
}
