//! A tenant's event stream, followed with the SDK from its first event on, and kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use sb_client::{Client, PlacedEvent};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Before every event there ever was.
const BEGINNING: &str = "0-0";

/// What came so far.
#[derive(Debug, Default)]
struct Heard {
    events: Vec<PlacedEvent>,
    /// Why nothing more will come.
    end: Option<String>,
}

/// Follows all events of a tenant; when the stream is cut off, the SDK continues behind the last one.
#[derive(Debug)]
pub struct EventFollower {
    heard: Arc<Mutex<Heard>>,
    news: watch::Receiver<()>,
    _reader: JoinSet<()>,
}

impl EventFollower {
    /// Starts to follow.
    pub fn start(client: &Client) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (told, news) = watch::channel(());
        let mut stream = client.events(Some(BEGINNING.to_owned()));
        let kept = Arc::clone(&heard);
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            loop {
                let next = stream.next().await;
                {
                    let mut heard = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    match next {
                        Some(Ok(event)) => heard.events.push(event),
                        Some(Err(error)) => {
                            heard.end = Some(format!("{:#}", anyhow::Error::from(error)));
                        }
                        None => return,
                    }
                }
                told.send_replace(());
            }
        });
        Self {
            heard,
            news,
            _reader: reader,
        }
    }

    /// Everything that came so far, repetitions included.
    ///
    /// # Errors
    /// When the stream has ended for good.
    pub fn events(&self) -> anyhow::Result<Vec<PlacedEvent>> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match &heard.end {
            Some(end) => bail!("the event stream ended: {end}"),
            None => Ok(heard.events.clone()),
        }
    }

    /// Waits until the events that came are enough, and gives them.
    ///
    /// # Errors
    /// When they are not in time, or the stream has ended for good.
    pub async fn until(
        &self,
        what: &str,
        patience: Duration,
        is_enough: impl Fn(&[PlacedEvent]) -> bool + Send + Sync,
    ) -> anyhow::Result<Vec<PlacedEvent>> {
        let mut news = self.news.clone();
        let waiting = async {
            loop {
                // Before looking, so that what comes in between is not missed.
                news.mark_unchanged();
                let events = self.events()?;
                if is_enough(&events) {
                    return anyhow::Ok(events);
                }
                news.changed().await.context("the event stream ended")?;
            }
        };
        tokio::time::timeout(patience, waiting).await.with_context(|| {
            let events = self.events().unwrap_or_default();
            let last: Vec<&str> =
                events.iter().rev().take(10).map(|placed| placed.event.kind.as_str()).collect();
            let count = events.len();
            format!("waited {patience:?} in vain until {what}; {count} events came, the last: {last:?}")
        })?
    }
}

/// A text in what an event says, empty when there is none.
pub fn event_text<'e>(placed: &'e PlacedEvent, pointer: &str) -> &'e str {
    placed
        .event
        .data
        .pointer(pointer)
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
}
