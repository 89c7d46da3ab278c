//! Received files: from Meta into our storage.
//!
//! `fetch` makes one try, `failure` says what a failed one means, `tokens` opens what Meta is asked with, `overdue` asks
//! for files whose command was lost, and this module ties them to the consumer and to the rows.
//!
//! **Invariant:** a file is never called stored before its bytes are.
//! **Invariant:** every file ends stored or failed; what failed says why and can be tried again.

mod failure;
mod fetch;
mod metrics;
mod overdue;
mod tokens;

use std::time::Duration;

use anyhow::Context;
use sb_bus::{Bus, Delivered, EventHandler, EventOptions, HandlerError, Runner};
use sb_cloud_api::graph::Graph;
use sb_config::Settings;
use sb_db::{Db, DbError, FetchedFile, WantedFile};
use sb_domain::Clock;
use sb_egress::Egress;
use sb_events::consumers::MEDIA_TRIES;
use sb_events::proto::media::v1::{FetchMedia, MediaFailed, MediaStored};
use sb_events::{Origin, meta, number_changed, organization_of, uuid_field};
use sb_ids::{EventId, MediaId, OrganizationId};
use sb_media::{MediaStore, TakenFile};
use sb_service::Lifecycle;
use sb_vault::Vault;

use failure::{Failure, TOKEN_REJECTED, longer};
use fetch::Source;
use metrics::MediaMetrics;
use tokens::Tokens;

/// How long one try may take: the largest file over a slow line, and into the storage.
const TRY_TIMEOUT: Duration = Duration::from_mins(5);
/// How long Meta may take to send a file.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_mins(3);

/// The part of the service that gets files, connected, not yet running.
#[derive(Debug)]
pub(crate) struct Fetching {
    bus: Bus,
    fetcher: Fetcher,
    at_once: usize,
}

impl Fetching {
    /// Opens what files are fetched with.
    ///
    /// # Errors
    /// When the settings are wrong.
    pub(crate) fn build(settings: &Settings, bus: Bus, db: Db) -> anyhow::Result<Self> {
        let vault = Vault::from_settings(&settings.vault).context("reading the vault's keys")?;
        let egress = Egress::new(&settings.egress).context("preparing outgoing HTTP")?;
        let meta = &settings.meta;
        let graph = Graph::new(egress, &meta.graph_url, &meta.api_version);
        let store = MediaStore::open(&settings.media).context("opening the media storage")?;
        let source = Source {
            downloads: graph.clone().with_timeout(DOWNLOAD_TIMEOUT),
            graph,
            tokens: Tokens::new(vault, meta.system_user_access_token.clone()),
            store: store.clone(),
            limit_bytes: settings.webhook.media_limit_bytes,
        };
        Ok(Self {
            bus,
            fetcher: Fetcher {
                db,
                store,
                source,
                clock: Clock::system(),
                metrics: MediaMetrics::new(),
            },
            at_once: settings.webhook.media_at_once.max(1),
        })
    }

    /// Starts the consumer.
    pub(crate) fn start(self, lifecycle: &Lifecycle) {
        let options = EventOptions {
            concurrency: self.at_once,
            item_timeout: TRY_TIMEOUT,
            ..EventOptions::default()
        };
        let (db, clock) = (self.fetcher.db.clone(), self.fetcher.clock.clone());
        let spec = sb_events::consumers::media(self.bus.topology());
        let runner = Runner::events::<FetchMedia, _>(&self.bus, spec, self.fetcher, options);
        let stopping = lifecycle.stopping();
        lifecycle.spawn("overdue-media", overdue::run(db, clock, stopping.clone()));
        lifecycle.spawn("media", async move { runner.run(stopping).await });
    }
}

/// Gets files.
#[derive(Debug)]
struct Fetcher {
    db: Db,
    store: MediaStore,
    source: Source,
    clock: Clock,
    metrics: MediaMetrics,
}

impl Fetcher {
    async fn find(
        &self,
        organization: OrganizationId,
        id: MediaId,
    ) -> Result<Option<WantedFile>, DbError> {
        let mut tx = self.db.tenant(organization).await?;
        let found = tx.media_fetches().find(id).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// Says that the bytes are here, while nobody can remove them, and announces it.
    async fn confirm(
        &self,
        organization: OrganizationId,
        file: &WantedFile,
        taken: &TakenFile,
        origin: Origin,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        let event = MediaStored {
            meta: Some(meta(
                EventId::derive(file.id.as_uuid(), "media.stored"),
                now,
                organization,
                origin,
            )),
            media_id: file.id.to_string(),
            message_id: file.message.map(|id| id.to_string()).unwrap_or_default(),
            mime_type: taken.mime_type.clone(),
            size_bytes: bytes_of(taken),
        };
        let fetched = FetchedFile {
            sha256: taken.sha256.clone(),
            storage_key: taken.key.to_string(),
            thumbnail_key: taken.thumbnail.as_ref().map(ToString::to_string),
            mime_type: taken.mime_type.clone(),
            declared_mime_type: taken.declared_mime_type.clone(),
            size_bytes: bytes_of(taken),
        };
        let mut tx = self.db.tenant(organization).await?;
        if !tx.media_fetches().confirm(file.id, &fetched).await? {
            tx.rollback().await?;
            return Ok(());
        }
        for key in std::iter::once(&taken.key).chain(&taken.thumbnail) {
            if !self.store.exists(key).await? {
                // It was removed with the last file that needed it, between our look and the lock.
                tx.rollback().await?;
                return Err(Failure::lost());
            }
        }
        tx.outbox().append(&event, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Says that the bytes cannot be had, and announces it.
    async fn give_up(
        &self,
        organization: OrganizationId,
        file: &WantedFile,
        code: &str,
        origin: Origin,
    ) -> Result<(), DbError> {
        let now = self.clock.now();
        let event = MediaFailed {
            // Not derived: a file may fail again after it was asked for again.
            meta: Some(meta(EventId::new(now), now, organization, origin)),
            media_id: file.id.to_string(),
            message_id: file.message.map(|id| id.to_string()).unwrap_or_default(),
            code: code.to_owned(),
        };
        let mut tx = self.db.tenant(organization).await?;
        if tx.media_fetches().fail(file.id, code).await? {
            tx.outbox().append(&event, now).await?;
        }
        tx.commit().await
    }

    /// Records that Meta does not accept the number's token, so that nothing is tried with it before there is
    /// another one.
    async fn reject_token(
        &self,
        organization: OrganizationId,
        file: &WantedFile,
    ) -> Result<(), DbError> {
        let Some(used) = file.access_token_sealed.as_deref() else {
            return Ok(());
        };
        let now = self.clock.now();
        let mut tx = self.db.tenant(organization).await?;
        if tx
            .number_profiles()
            .reject_token(file.number, used, now)
            .await?
        {
            tracing::warn!(number.id = %file.number, "Meta does not accept the number's access token");
            let event = number_changed(organization, file.number, &["token_rejected_at"], now);
            tx.outbox().append(&event, now).await?;
        }
        tx.commit().await
    }

    async fn get(
        &self,
        organization: OrganizationId,
        file: &WantedFile,
        origin: Origin,
    ) -> Result<(), Failure> {
        let taken = self.source.fetch(organization, file).await?;
        self.confirm(organization, file, &taken, origin).await
    }
}

fn bytes_of(taken: &TakenFile) -> i64 {
    i64::try_from(taken.size_bytes).unwrap_or(i64::MAX)
}

impl EventHandler<FetchMedia> for Fetcher {
    /// Idempotent: the row says whether the file is still to be had, bytes are stored under their hash, and the
    /// event's id is derived from the file.
    async fn handle(&self, delivered: Delivered<FetchMedia>) -> Result<(), HandlerError> {
        let event = delivered.event;
        let malformed = |e| HandlerError::discard_because("malformed command", e);
        let organization = organization_of(event.meta.as_ref()).map_err(malformed)?;
        let id: MediaId = uuid_field("media_id", &event.media_id).map_err(malformed)?;
        let found = self.find(organization, id).await;
        let Some(file) = found.map_err(HandlerError::unavailable)? else {
            return Ok(());
        };
        let origin = event.meta.as_ref().map(Origin::after).unwrap_or_default();
        let tried = self.get(organization, &file, origin).await;
        self.metrics.tried(tried.as_ref().err());
        let code = match tried {
            Ok(()) => return Ok(()),
            Err(Failure::TokenRejected) => {
                let told = self.reject_token(organization, &file).await;
                told.map_err(HandlerError::unavailable)?;
                TOKEN_REJECTED.to_owned()
            }
            Err(Failure::Final { code }) => code,
            Err(Failure::Later { code, .. }) if delivered.deliveries >= MEDIA_TRIES => {
                code.to_owned()
            }
            Err(failure @ Failure::Later { .. }) => {
                let wait = longer(delivered.deliveries, &failure);
                return Err(HandlerError::retry_after(wait, failure));
            }
            Err(failure @ (Failure::Storage(_) | Failure::Database(_))) => {
                return Err(HandlerError::unavailable(failure));
            }
        };
        tracing::warn!(media.id = %id, code, "a received file could not be had");
        self.give_up(organization, &file, &code, origin)
            .await
            .map_err(HandlerError::unavailable)
    }
}
