//! A file was stored: make text of it, if it is of a kind that has any.

use sb_bus::{Delivered, EventHandler, HandlerError};
use sb_db::{AnnotatedMessage, Db, DbError, Media};
use sb_domain::Clock;
use sb_domain::content::Artifact;
use sb_events::proto::media::v1::MediaStored;
use sb_events::proto::message::v1::{MessageAnnotated, MessageRef};
use sb_events::{MessagePlace, Origin, meta, organization_of, uuid_field};
use sb_ids::{EventId, MediaId, OrganizationId};
use sb_media::{MediaError, MediaKey, MediaStore};

use crate::documents::{self, Kind};

/// Annotates text-like documents.
#[derive(Debug)]
pub(crate) struct Annotate {
    db: Db,
    store: MediaStore,
    max_bytes: u64,
    clock: Clock,
}

impl Annotate {
    pub(crate) const fn new(db: Db, store: MediaStore, max_bytes: u64, clock: Clock) -> Self {
        Self {
            db,
            store,
            max_bytes,
            clock,
        }
    }

    async fn find(
        &self,
        organization: OrganizationId,
        media: MediaId,
    ) -> Result<Option<Media>, DbError> {
        let mut tx = self.db.tenant(organization).await?;
        let found = tx.media().find(media).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// The document's text, or why there is none. Only what may pass by itself is an error.
    async fn read(
        &self,
        organization: OrganizationId,
        media: &Media,
        kind: Kind,
    ) -> Result<Result<Vec<Artifact>, String>, MediaError> {
        let Some(key) = &media.storage_key else {
            return Ok(Err("the bytes are no longer kept".to_owned()));
        };
        let Ok(key) = MediaKey::parse(organization, key) else {
            return Ok(Err("the storage key is not this organization's".to_owned()));
        };
        match self.store.get(&key, self.max_bytes).await {
            Ok(bytes) => Ok(documents::read(kind, &bytes).map_err(|error| error.to_string())),
            Err(error @ (MediaError::Storage { .. } | MediaError::Timeout { .. })) => Err(error),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    async fn save(
        &self,
        organization: OrganizationId,
        media: &Media,
        read: Result<Vec<Artifact>, String>,
        origin: Origin,
    ) -> Result<(), DbError> {
        let now = self.clock.now();
        let mut tx = self.db.tenant(organization).await?;
        let mut message = None;
        match &read {
            Ok(artifacts) => {
                tx.annotations().save_done(media.id, artifacts, now).await?;
                if let Some(id) = media.message {
                    message = tx.annotations().attach(id, artifacts).await?;
                }
            }
            Err(reason) => tx.annotations().save_failed(media.id, reason, now).await?,
        }
        let event = MessageAnnotated {
            meta: Some(meta(
                EventId::derive(media.id.as_uuid(), "message.annotated"),
                now,
                organization,
                origin,
            )),
            message: message.and_then(reference),
            media_id: media.id.to_string(),
            outcome: if read.is_ok() { "done" } else { "failed" }.to_owned(),
        };
        tx.outbox().append(&event, now).await?;
        tx.commit().await
    }
}

fn reference(message: AnnotatedMessage) -> Option<MessageRef> {
    let place = MessagePlace {
        message: message.id,
        conversation: message.conversation,
        contact: message.contact,
        number: message.number,
        sequence: message.sequence,
    };
    place.named(message.wamid.unwrap_or_default())
}

impl EventHandler<MediaStored> for Annotate {
    /// Idempotent: annotations are keyed by file and kind, and the event's id is derived from the file.
    async fn handle(&self, delivered: Delivered<MediaStored>) -> Result<(), HandlerError> {
        let event = delivered.event;
        let Some(kind) = Kind::of(&event.mime_type) else {
            return Ok(());
        };
        let malformed = |e| HandlerError::discard_because("malformed event", e);
        let organization = organization_of(event.meta.as_ref()).map_err(malformed)?;
        let id: MediaId = uuid_field("media_id", &event.media_id).map_err(malformed)?;
        let Some(media) = self
            .find(organization, id)
            .await
            .map_err(HandlerError::unavailable)?
        else {
            return Err(HandlerError::discard("the file is gone"));
        };
        let read = self
            .read(organization, &media, kind)
            .await
            .map_err(HandlerError::unavailable)?;
        if let Err(reason) = &read {
            tracing::warn!(media.id = %id, reason, "a document could not be read");
        }
        let origin = event.meta.as_ref().map(Origin::after).unwrap_or_default();
        match self.save(organization, &media, read, origin).await {
            Err(DbError::Dangling { .. }) => Err(HandlerError::discard("the file is gone")),
            Err(error) if error.is_transient() => Err(HandlerError::unavailable(error)),
            other => other.map_err(HandlerError::retry),
        }
    }
}
