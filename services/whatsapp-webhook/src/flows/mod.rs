//! The data exchange of WhatsApp Flows: a phone asks for a screen, the tenant's server or agent makes it.
//!
//! - In: Meta's post to `/flows/{id}`, encrypted for the account's public key, signed by the app.
//! - Out: the encrypted screen within `flows.answer_timeout_ms`, or one of the statuses that phones understand.
//!
//! **Nothing is looked up and nothing decrypted before one of our apps has signed the bytes**; the public key is public.
//! **No step is repeated and none is stored**: a phone that asks again is answered again, and whether that may change
//! something is for the tenant's server to decide, which is given the flow token.
//!
//! The database is connected when it is first needed: posts of messages are accepted while it is away.
//!
//! Where to go next: [`serving`] for the steps, [`forward`] and [`agent`] for who makes screens.

mod agent;
mod forward;
mod keys;
mod metrics;
mod serving;

pub(crate) use serving::{Refusal, Reply};

use std::time::Duration;

use anyhow::Context as _;
use sb_cloud_api::signature::SignatureKeys;
use sb_config::Settings;
use sb_db::Db;
use sb_domain::Clock;
use sb_egress::Egress;
use sb_events::Topology;
use sb_vault::Vault;
use tokio::sync::Semaphore;

use agent::Agents;
use forward::Forwarder;
use keys::Keys;
pub(crate) use metrics::FlowMetrics;

/// What all workers share to answer flows.
#[derive(Debug)]
pub(crate) struct Flows {
    db: Db,
    clock: Clock,
    /// Our apps: who may call.
    apps: SignatureKeys,
    keys: Keys,
    forwarder: Forwarder,
    agents: Agents,
    slots: Semaphore,
    answer_timeout: Duration,
    pub(crate) max_body_bytes: usize,
    pub(crate) metrics: FlowMetrics,
}

impl Flows {
    /// Prepares everything; connects to nothing.
    ///
    /// # Errors
    /// When the settings are wrong.
    pub(crate) fn build(
        settings: &Settings,
        apps: SignatureKeys,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let vault = Vault::from_settings(&settings.vault).context("reading the vault's keys")?;
        let egress = Egress::new(&settings.egress).context("preparing the HTTP client")?;
        let topology = Topology::new(&settings.nats.prefix);
        let limits = &settings.flows;
        Ok(Self {
            db: Db::connect_lazily(&settings.database, topology)?,
            clock,
            apps,
            keys: Keys::new(vault.clone()),
            forwarder: Forwarder::new(egress.clone(), limits.max_answer_bytes),
            agents: Agents::new(egress, settings.llm.clone(), vault, limits.max_answer_bytes),
            slots: Semaphore::new(limits.max_in_flight.min(Semaphore::MAX_PERMITS)),
            answer_timeout: Duration::from_millis(limits.answer_timeout_ms),
            max_body_bytes: limits.max_body_bytes,
            metrics: FlowMetrics::new(),
        })
    }
}
