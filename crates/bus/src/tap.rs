//! Following the events of one organization as they are published, without a durable consumer.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::State;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use prost::Message as _;
use sb_events::Stream;
use sb_events::proto::bus::v1::{Envelope, Item};
use sb_ids::OrganizationId;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::{BoxError, Bus, BusError, TapError};

/// The place of one event in the stream of events; later events have greater ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TapPosition {
    /// Place of the envelope in the stream.
    pub sequence: u64,
    /// Place in the envelope.
    pub index: u32,
}

/// Where following begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapStart {
    /// With what is published from now on.
    New,
    /// With what comes after this event.
    After(TapPosition),
}

/// Events as they come, for ever. A lost connection is bridged without gaps, for as long as events are
/// kept.
pub struct Tap(BoxStream<'static, (TapPosition, Item)>);

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
    }
}

impl futures::Stream for Tap {
    type Item = (TapPosition, Item);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl Bus {
    /// Follows the events of one organization.
    ///
    /// # Errors
    /// [`TapError::Gone`] when events after the asked position are no longer kept.
    pub async fn tap(
        &self,
        organization: OrganizationId,
        start: TapStart,
    ) -> Result<Tap, TapError> {
        let state = self.events_state().await?;
        let (unpacked, after) = match start {
            TapStart::New => (state.last_sequence, None),
            TapStart::After(position) => {
                check_kept(position, state.first_sequence, state.last_sequence)?;
                (position.sequence.saturating_sub(1), Some(position))
            }
        };
        let mut following = Following {
            connection: self.connection(),
            bus: self.clone(),
            organization,
            unpacked,
            after,
            messages: None,
            failures: 0,
            ready: VecDeque::new(),
        };
        following.messages = Some(following.open().await?);
        let items = stream::unfold(following, |mut following| async move {
            Some((following.next().await, following))
        });
        Ok(Tap(items.boxed()))
    }

    async fn events_state(&self) -> Result<State, BusError> {
        let name = Stream::Events.name(self.topology());
        match self.context().get_stream(name).await {
            Ok(stream) => Ok(stream.cached_info().state.clone()),
            Err(error) => Err(failed(error)),
        }
    }
}

fn failed(source: impl Into<BoxError>) -> BusError {
    BusError::Request {
        wanted: "the events of an organization".to_owned(),
        source: source.into(),
    }
}

/// A position before the first kept message may have lost successors; one behind the last never was.
fn check_kept(position: TapPosition, first: u64, last: u64) -> Result<(), TapError> {
    let asked = position.sequence;
    if (asked < first && asked > 0) || asked > last {
        return Err(TapError::Gone {
            asked,
            oldest: first,
        });
    }
    Ok(())
}

struct Following {
    bus: Bus,
    connection: watch::Receiver<bool>,
    organization: OrganizationId,
    /// Everything up to here was unpacked.
    unpacked: u64,
    /// Items up to here are not wanted.
    after: Option<TapPosition>,
    messages: Option<Ordered>,
    failures: i64,
    ready: VecDeque<(TapPosition, Item)>,
}

impl Following {
    async fn open(&mut self) -> Result<Ordered, BusError> {
        self.connection.mark_unchanged();
        let config = OrderedConfig {
            filter_subject: self
                .bus
                .topology()
                .events_of_organization(self.organization),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.unpacked + 1,
            },
            ..OrderedConfig::default()
        };
        let name = Stream::Events.name(self.bus.topology());
        let context = self.bus.context();
        let stream = context.get_stream_no_info(name).await.map_err(failed)?;
        let consumer = stream.create_consumer(config).await.map_err(failed)?;
        consumer.messages().await.map_err(failed)
    }

    async fn next(&mut self) -> (TapPosition, Item) {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return next;
            }
            if let Some(message) = self.message().await {
                self.failures = 0;
                self.unpack(&message);
                continue;
            }
            // Its consumer lived in the server's memory: a new one starts where it ended.
            self.messages = None;
            self.failures += 1;
            tokio::time::sleep(Backoff::SERVER.after(self.failures)).await;
            self.bus.until_connected().await;
            match self.open().await {
                Ok(messages) => self.messages = Some(messages),
                Err(error) => tracing::warn!(
                    error = sb_telemetry::as_error(&error),
                    "following events was interrupted, starting again"
                ),
            }
        }
    }

    /// The next message; `None` when there can be none any more.
    async fn message(&mut self) -> Option<async_nats::jetstream::Message> {
        let messages = self.messages.as_mut()?;
        tokio::select! {
            message = messages.next() => message?.ok(),
            _ = self.connection.changed() => None,
        }
    }

    fn unpack(&mut self, message: &async_nats::jetstream::Message) {
        let Ok(info) = message.info() else {
            return;
        };
        let sequence = info.stream_sequence;
        self.unpacked = sequence;
        let Ok(envelope) = Envelope::decode(message.payload.clone()) else {
            tracing::warn!("a message in the stream of events is not an envelope");
            return;
        };
        for (index, item) in (0..).zip(envelope.items) {
            let position = TapPosition { sequence, index };
            if self.after.is_none_or(|after| position > after) {
                self.ready.push_back((position, item));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_gone_when_its_successors_may_be() {
        let at = |sequence| TapPosition { sequence, index: 0 };
        for (asked, first, last, kept) in [
            (0, 1, 0, true),
            (0, 10, 20, true),
            (9, 10, 20, false),
            (10, 10, 20, true),
            (20, 10, 20, true),
            (21, 10, 20, false),
            (5, 6, 5, false),
        ] {
            let found = check_kept(at(asked), first, last).is_ok();
            assert_eq!(found, kept, "{asked} in {first}..={last}");
        }
    }
}
