//! What every handler can reach.

use std::sync::Arc;

use chrono::TimeDelta;
use sb_bus::Bus;
use sb_config::Settings;
use sb_db::Db;
use sb_domain::Clock;
use sb_ids::{InvalidId, MetaAppId};
use sb_media::MediaStore;
use sb_vault::Vault;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::event_stream::StreamSlots;
use crate::media_links::MediaLinks;

/// Keys that are made at once: each takes a processor for a good part of a second.
const KEYS_AT_ONCE: usize = 1;

/// Files that arrive at once: each is in a temporary file until it is stored.
const UPLOADS_AT_ONCE: usize = 4;

/// The gateway's connections and limits.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) bus: Bus,
    pub(crate) vault: Vault,
    pub(crate) media: MediaStore,
    pub(crate) links: MediaLinks,
    pub(crate) limits: Limits,
    pub(crate) streams: StreamSlots,
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) key_making: Arc<Semaphore>,
    pub(crate) stopping: CancellationToken,
}

/// What the settings allow.
#[derive(Debug)]
pub(crate) struct Limits {
    /// How long an idempotency key is remembered.
    pub(crate) idempotency_lifetime: TimeDelta,
    /// Largest file.
    pub(crate) media_bytes: u64,
    /// Event streams one key may have open.
    pub(crate) streams_per_key: usize,
    /// Our Meta apps; the first one is the default of a new number.
    pub(crate) apps: Vec<MetaAppId>,
    /// Servers of tenants may be called without TLS: only where private addresses may be called at all.
    pub(crate) allows_plain_http: bool,
}

impl Limits {
    /// Reads them.
    ///
    /// # Errors
    /// [`InvalidId`] when `meta.app_id` holds something that is no id.
    pub(crate) fn from_settings(settings: &Settings) -> Result<Self, InvalidId> {
        let ids = settings.meta.app_id.split('|').map(str::trim);
        let hours = i64::try_from(settings.gateway.idempotency_hours).unwrap_or(24);
        Ok(Self {
            idempotency_lifetime: TimeDelta::try_hours(hours).unwrap_or(TimeDelta::hours(24)),
            media_bytes: settings.gateway.media_limit_bytes,
            streams_per_key: settings.gateway.streams_per_key,
            allows_plain_http: settings.egress.allow_private_addresses,
            apps: ids
                .filter(|id| !id.is_empty())
                .map(MetaAppId::parse)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Gateway {
    /// A gateway that does not stop yet.
    pub(crate) fn new(
        db: Db,
        clock: Clock,
        bus: Bus,
        vault: Vault,
        (media, links): (MediaStore, MediaLinks),
        limits: Limits,
    ) -> Self {
        Self {
            db,
            clock,
            bus,
            vault,
            media,
            links,
            limits,
            streams: StreamSlots::default(),
            uploads: Arc::new(Semaphore::new(UPLOADS_AT_ONCE)),
            key_making: Arc::new(Semaphore::new(KEYS_AT_ONCE)),
            stopping: CancellationToken::new(),
        }
    }

    /// The same, ending its streams with this token.
    pub(crate) fn stopping_with(self, stopping: CancellationToken) -> Self {
        Self { stopping, ..self }
    }
}
