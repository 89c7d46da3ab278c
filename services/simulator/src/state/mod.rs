//! Everything the simulated Meta remembers, in memory and bounded.

pub(crate) mod accounts;
mod announce;
pub(crate) mod chat;
pub(crate) mod contacts;
pub(crate) mod deliveries;
pub(crate) mod effects;
pub(crate) mod faults;
pub(crate) mod ids;
pub(crate) mod media;
pub(crate) mod messages;
mod pricing;
mod progress;
pub(crate) mod schedule;
pub(crate) mod seed;
pub(crate) mod statuses;
pub(crate) mod templates;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sb_config::SimulatorSettings;
use sb_domain::Clock;
use sb_egress::Egress;
use tokio::sync::{Notify, broadcast};

use crate::llm::LlmState;
use crate::webhooks::queue::{DeliveryRules, WebhookQueue};
use effects::Effects;
use seed::Seed;

/// News a page may lag behind before it must reload.
const NEWS_CAPACITY: usize = 1_024;

/// The state proper; always behind the lock of [`Simulator`].
pub(crate) struct State {
    pub(crate) accounts: accounts::Accounts,
    pub(crate) contacts: contacts::Contacts,
    pub(crate) messages: messages::Messages,
    pub(crate) media: media::MediaStore,
    pub(crate) templates: templates::Templates,
    pub(crate) faults: faults::FaultBook,
    pub(crate) schedule: schedule::Schedule,
    pub(crate) deliveries: deliveries::DeliveryLog,
    pub(crate) llm: LlmState,
    pub(crate) ids: ids::Ids,
    /// Refused Graph calls by error code.
    pub(crate) refused: BTreeMap<i64, u64>,
}

/// An id that names nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {kind} {id}")]
pub(crate) struct UnknownObject {
    kind: &'static str,
    id: String,
}

impl UnknownObject {
    pub(crate) fn new(kind: &'static str, id: &str) -> Self {
        Self {
            kind,
            id: id.to_owned(),
        }
    }
}

/// The simulated Meta, shared by all listeners and tasks; cheap to clone.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    queue: Mutex<WebhookQueue>,
    /// Wakes a webhook worker.
    work: Notify,
    /// Wakes the task that watches the clock of the queue.
    retimed: Notify,
    /// Wakes the task that carries out planned statuses.
    planned: Notify,
    news: broadcast::Sender<Arc<str>>,
    clock: Clock,
    egress: Egress,
    seed: Seed,
    address: OnceLock<String>,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").finish_non_exhaustive()
    }
}

impl Simulator {
    pub(crate) fn new(seed: Seed, clock: Clock, egress: Egress) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(seed.state()),
            queue: Mutex::default(),
            work: Notify::new(),
            retimed: Notify::new(),
            planned: Notify::new(),
            news: broadcast::Sender::new(NEWS_CAPACITY),
            clock,
            egress,
            seed,
            address: OnceLock::new(),
        }))
    }

    /// Reads the state.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock())
    }

    /// Changes the state and carries out what the change causes.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State, &mut Effects) -> T) -> T {
        let watched = self.0.news.receiver_count() > 0;
        let mut effects = Effects::new(self.now(), watched);
        let mut state = self.lock();
        let before = state.schedule.earliest();
        let result = change(&mut state, &mut effects);
        let after = state.schedule.earliest();
        if !effects.updates.is_empty() {
            let mut queue = self.queue();
            let mut timed = false;
            for (update, due) in effects.updates.drain(..) {
                timed |= due.is_some();
                queue.push(update, due);
            }
            drop(queue);
            self.0.work.notify_one();
            if timed {
                self.0.retimed.notify_one();
            }
        }
        drop(state);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.0.planned.notify_one();
        }
        for news in effects.news {
            // Nobody may be listening any more.
            let _ = self.0.news.send(news);
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, WebhookQueue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to the seed: accounts of the settings, no chats, no faults.
    pub(crate) fn reset(&self) {
        self.change(|state, fx| {
            let callbacks: Vec<_> = state
                .accounts
                .apps
                .values()
                .map(|app| (app.id.clone(), app.callback.clone()))
                .collect();
            // New ids must not repeat those handed out before the reset.
            let ids = state.ids.clone();
            *state = self.0.seed.state();
            state.ids = ids;
            for (id, callback) in callbacks {
                if let Some(app) = state.accounts.apps.get_mut(&id) {
                    app.callback = callback;
                }
            }
            let mut queue = self.queue();
            queue.clear();
            queue.rules = DeliveryRules::default();
            drop(queue);
            fx.tell("reset", serde_json::json!({}));
        });
    }

    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.clock.now()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        self.0.news.subscribe()
    }

    pub(crate) fn work(&self) -> &Notify {
        &self.0.work
    }

    pub(crate) fn retimed(&self) -> &Notify {
        &self.0.retimed
    }

    pub(crate) fn planned(&self) -> &Notify {
        &self.0.planned
    }

    /// Says where the simulator listens, for the links in webhooks.
    pub(crate) fn listening_at(&self, address: String) {
        // Set once at start; a second listener would be a bug of ours.
        let _ = self.0.address.set(address);
    }

    /// `http://host:port` of this simulator.
    pub(crate) fn base_url(&self) -> &str {
        self.0.address.get().map_or("", String::as_str)
    }

    pub(crate) fn egress(&self) -> &Egress {
        &self.0.egress
    }

    pub(crate) fn settings(&self) -> &SimulatorSettings {
        self.0.seed.settings()
    }

    /// Key of the signed media links.
    pub(crate) fn link_key(&self) -> &[u8] {
        self.0.seed.link_key()
    }
}
