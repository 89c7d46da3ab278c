//! What a change of state causes outside it: webhooks and news for the page.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::webhooks::queue::Update;

/// Collected while the state is locked, carried out by
/// [`Simulator::change`](super::Simulator::change).
pub(crate) struct Effects {
    /// The present instant, one for the whole change.
    pub(crate) now: DateTime<Utc>,
    /// The same on the timer's scale.
    pub(crate) instant: Instant,
    pub(super) updates: Vec<(Update, Option<Instant>)>,
    pub(super) news: Vec<Arc<str>>,
    /// Somebody watches the page's stream.
    pub(super) watched: bool,
}

impl Effects {
    pub(super) fn new(now: DateTime<Utc>, watched: bool) -> Self {
        Self {
            now,
            instant: Instant::now(),
            updates: Vec::new(),
            news: Vec::new(),
            watched,
        }
    }

    /// Posts an update, at once or at a time.
    pub(crate) fn post(&mut self, update: Update, due: Option<Instant>) {
        self.updates.push((update, due));
    }

    /// Tells the open pages.
    pub(crate) fn tell(&mut self, kind: &str, mut news: Value) {
        if !self.watched {
            return;
        }
        if let Some(object) = news.as_object_mut() {
            object.insert("kind".to_owned(), json!(kind));
        }
        self.news.push(Arc::from(news.to_string()));
    }
}
