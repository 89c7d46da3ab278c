//! The connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, ContextBuilder};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use sb_config::NatsSettings;
use sb_events::Topology;
use tokio::sync::watch;

use crate::{BusError, Publisher, metrics, version};

/// Commands that may wait for the socket; more make the caller wait.
const COMMANDS_WAITING: usize = 8_192;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// A dead peer is noticed after about two of these.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const LONGEST_RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// A connection to NATS and the names of one installation. Cheap to clone; clones share the
/// connection.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    context: jetstream::Context,
    topology: Topology,
    settings: NatsSettings,
    connected: watch::Receiver<bool>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("servers", &self.inner.settings.url)
            .field("topology", &self.inner.topology)
            .finish_non_exhaustive()
    }
}

impl Bus {
    /// Connects. Afterwards a lost connection is restored for ever, however long it takes.
    ///
    /// A process may connect more than once: an actix worker that publishes does better with a
    /// connection of its own.
    ///
    /// # Errors
    /// [`BusError::ServerTooOld`] for a server older than 2.11; [`BusError::Address`],
    /// [`BusError::Credentials`] or [`BusError::Connect`] when the settings are not valid or nobody
    /// answers.
    pub async fn connect(settings: &NatsSettings) -> Result<Self, BusError> {
        let (state, connected) = watch::channel(true);
        let client = options(settings, state)?
            .connect(addresses(settings)?)
            .await
            .map_err(|source| BusError::Connect {
                servers: settings.url.redacted(),
                source,
            })?;
        version::check(&client.server_info().version)?;
        let context = ContextBuilder::new()
            .timeout(Duration::from_millis(settings.publish_ack_timeout_ms))
            .build(client.clone());
        let inner = Inner {
            client,
            context,
            topology: Topology::new(&settings.prefix)
                .with_ack_wait(Duration::from_secs(settings.ack_wait_seconds)),
            settings: settings.clone(),
            connected,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The largest message the server takes, in bytes.
    pub fn max_payload(&self) -> usize {
        self.client().max_payload()
    }

    /// The names of this installation.
    pub fn topology(&self) -> &Topology {
        &self.inner.topology
    }

    /// Publishes events.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.clone())
    }

    /// Whether JetStream answers.
    ///
    /// # Errors
    /// [`BusError::Silent`] after two seconds, [`BusError::Request`] for an error it reports.
    pub async fn healthy(&self) -> Result<(), BusError> {
        match tokio::time::timeout(HEALTH_TIMEOUT, self.context().query_account()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(source)) => Err(BusError::Request {
                wanted: "the JetStream account".to_owned(),
                source: source.into(),
            }),
            Err(_) => Err(BusError::Silent {
                waited_ms: HEALTH_TIMEOUT.as_millis(),
            }),
        }
    }

    /// Waits, at most two seconds, until everything said so far has left the process.
    pub async fn flush(&self) {
        // Lost connection or slow server: what was not flushed is redelivered or published again.
        let _ = tokio::time::timeout(HEALTH_TIMEOUT, self.client().flush()).await;
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    pub(crate) fn context(&self) -> &jetstream::Context {
        &self.inner.context
    }

    pub(crate) fn settings(&self) -> &NatsSettings {
        &self.inner.settings
    }

    /// Whether the connection stands, as it changes.
    pub(crate) fn connection(&self) -> watch::Receiver<bool> {
        self.inner.connected.clone()
    }

    /// Waits until the connection stands. What is sent before would pile up in memory.
    pub(crate) async fn until_connected(&self) {
        // The sender lives as long as the client, which we hold.
        let _ = self.connection().wait_for(|connected| *connected).await;
    }
}

fn addresses(settings: &NatsSettings) -> Result<Vec<ServerAddr>, BusError> {
    settings
        .url
        .as_str()
        .split(',')
        .map(str::trim)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|source| BusError::Address {
            servers: settings.url.redacted(),
            source,
        })
}

fn options(
    settings: &NatsSettings,
    state: watch::Sender<bool>,
) -> Result<ConnectOptions, BusError> {
    let options = ConnectOptions::new()
        .name("switchboard")
        .client_capacity(COMMANDS_WAITING)
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(CONNECT_TIMEOUT))
        .ping_interval(PING_INTERVAL)
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| {
            let doublings = u32::try_from(attempts.min(8)).unwrap_or(8);
            Duration::from_millis(10)
                .saturating_mul(2_u32.saturating_pow(doublings))
                .min(LONGEST_RECONNECT_DELAY)
        })
        .event_callback(move |event| {
            note(&event, &state);
            std::future::ready(())
        });
    if settings.credentials.is_set() {
        options
            .credentials(settings.credentials.expose())
            .map_err(BusError::Credentials)
    } else {
        Ok(options)
    }
}

fn note(event: &Event, state: &watch::Sender<bool>) {
    let calm = match event {
        Event::Connected => {
            set(state, true);
            true
        }
        Event::Disconnected => {
            metrics::disconnected();
            set(state, false);
            false
        }
        Event::Closed | Event::Draining | Event::LameDuckMode => true,
        Event::SlowConsumer(_) | Event::ServerError(_) | Event::ClientError(_) => false,
    };
    if calm {
        tracing::info!(event = %event, "connection to nats");
    } else {
        tracing::warn!(event = %event, "connection to nats, reconnecting if it is lost");
    }
}

/// Wakes those who wait only when something changed.
fn set(state: &watch::Sender<bool>, connected: bool) {
    state.send_if_modified(|known| std::mem::replace(known, connected) != connected);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_are_separated_by_commas() {
        let settings = NatsSettings {
            url: "nats://a:4222, b:4223".into(),
            ..NatsSettings::default()
        };
        let hosts: Vec<(String, u16)> = addresses(&settings)
            .unwrap()
            .iter()
            .map(|address| (address.host().to_owned(), address.port()))
            .collect();
        assert_eq!(hosts, [("a".to_owned(), 4222), ("b".to_owned(), 4223)]);
    }

    #[test]
    fn a_bad_address_is_reported_without_its_password() {
        let settings = NatsSettings {
            url: "nats://u:SECRET@:x".into(),
            ..NatsSettings::default()
        };
        let error = addresses(&settings).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRET"));
    }
}
