//! Files of ours on their way to Meta: each is uploaded once a number, remembered for as long as Meta keeps it, and
//! converted before where it is to be a voice note.
//!
//! - **Invariant:** while a file is uploaded, its message's row says that nothing has left: a process that is killed
//!   meanwhile leaves it queued, not unknown.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use moka::sync::Cache;
use sb_cloud_api::graph::{Graph, GraphError, Upload};
use sb_config::Secret;
use sb_db::dispatch::ClaimedMessage;
use sb_db::{DbError, Media, MediaState, MediaUpload, SystemReason};
use sb_domain::content::{MediaKind, StoredFile};
use sb_domain::outgoing::{FileLimit, check_file, file_limit};
use sb_egress::Body;
use sb_ids::{NumberId, PhoneNumberId};
use sb_media::{
    MediaError, MediaKey, MediaStore, Spool, SpoolError, SpooledFile, VOICE_TYPE, VoiceError,
    voice_note,
};
use tokio::sync::Semaphore;

use super::Tools;
use crate::rules::Stop;

/// Meta keeps an uploaded file for thirty days; what is sent a little later must still find it.
///
/// # Source
/// Meta, "Media", 2026.
const KEPT_BY_META: TimeDelta = TimeDelta::days(29);
/// How long reading, converting and uploading the files of one message may take.
const PREPARED_WITHIN: TimeDelta = TimeDelta::minutes(15);
/// How long Meta may take to receive a file.
const UPLOAD_TIMEOUT: Duration = Duration::from_mins(4);
/// Uploads at once: they take memory, CPU for voice notes, and places that other messages could have.
const AT_ONCE: usize = 8;
/// The largest sound a voice note is made of.
const SOUND_MAX: u64 = 100 * 1024 * 1024;
const REMEMBERED: u64 = 10_000;
const REMEMBERED_FOR: Duration = Duration::from_hours(1);

/// A file as one number sends it.
type Copy = (NumberId, StoredFile);

/// What uploads need; shared.
#[derive(Debug)]
pub(crate) struct Uploads {
    store: MediaStore,
    graph: Graph,
    ffmpeg: String,
    turns: Semaphore,
    known: Cache<Copy, (String, DateTime<Utc>)>,
}

/// Why a message's files are not Meta's.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    /// The message cannot be sent with them.
    #[error("{}", .0.code())]
    Stop(Stop),
    /// They cannot be had now.
    #[error("{code}")]
    Later {
        /// Our stable code.
        code: &'static str,
    },
    /// Meta did not take one.
    #[error("uploading a file to Meta")]
    Meta(#[source] Box<GraphError>),
    /// Somebody else has the message now.
    #[error("the claim was taken over")]
    TakenOver,
    /// The database is away.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Ids of Meta's, and whether any of them was known before.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pub(super) ids: BTreeMap<StoredFile, String>,
    /// Meta may have removed them meanwhile.
    pub(super) are_remembered: bool,
}

impl Uploads {
    /// Uploads from this storage.
    pub(crate) fn new(store: MediaStore, graph: Graph, ffmpeg: &str) -> Self {
        Self {
            store,
            graph: graph.with_timeout(UPLOAD_TIMEOUT),
            ffmpeg: ffmpeg.to_owned(),
            turns: Semaphore::new(AT_ONCE),
            known: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(REMEMBERED_FOR)
                .build(),
        }
    }

    /// Meta's ids of a message's files, uploading what Meta does not have.
    pub(super) async fn copies(
        &self,
        tools: &Tools,
        message: &ClaimedMessage,
        sender: (&PhoneNumberId, &Secret),
        files: &[StoredFile],
    ) -> Result<Copies, UploadError> {
        let number = message.number.id;
        let mut copies = self.remembered(tools, message, files).await?;
        let missing: Vec<StoredFile> = files
            .iter()
            .filter(|file| !copies.ids.contains_key(file))
            .copied()
            .collect();
        if missing.is_empty() {
            return Ok(copies);
        }
        // Before the wait for a turn: a claim that only waits must not count as sent and lost.
        begin(tools, message).await?;
        let _turn = self.turns.acquire().await;
        for file in missing {
            let id = self.upload(tools, message, sender, file).await?;
            let expires_at = tools.clock.now() + KEPT_BY_META;
            self.known.insert((number, file), (id.clone(), expires_at));
            copies.ids.insert(file, id);
        }
        end(tools, message).await?;
        Ok(copies)
    }

    async fn remembered(
        &self,
        tools: &Tools,
        message: &ClaimedMessage,
        files: &[StoredFile],
    ) -> Result<Copies, UploadError> {
        let (number, now) = (message.number.id, tools.clock.now());
        let mut ids = BTreeMap::new();
        for file in files {
            if let Some((id, expires_at)) = self.known.get(&(number, *file))
                && expires_at > now
            {
                ids.insert(*file, id);
            }
        }
        if ids.len() < files.len() {
            let mut tx = tools.db.tenant(message.outgoing.organization).await?;
            let found = tx.media_uploads().find(number, files, now).await?;
            tx.rollback().await?;
            for file in files {
                let copy = found
                    .iter()
                    .find(|copy| copy.media == file.id && copy.voice == file.voice);
                if let Some(copy) = copy {
                    let known = (copy.meta_media_id.clone(), copy.expires_at);
                    self.known.insert((number, *file), known);
                    ids.insert(*file, copy.meta_media_id.clone());
                }
            }
        }
        let are_remembered = !ids.is_empty();
        Ok(Copies {
            ids,
            are_remembered,
        })
    }

    async fn upload(
        &self,
        tools: &Tools,
        message: &ClaimedMessage,
        (from, token): (&PhoneNumberId, &Secret),
        file: StoredFile,
    ) -> Result<String, UploadError> {
        let organization = message.outgoing.organization;
        let mut tx = tools.db.tenant(organization).await?;
        let media = tx.media().find(file.id).await?;
        tx.rollback().await?;
        let media = media.ok_or(UploadError::Stop(Stop::FileMissing))?;
        let upload = self.open(message, &media, file).await?;
        let uploaded = self.graph.upload_media(token, from, upload).await;
        let id = uploaded.map_err(|error| UploadError::Meta(Box::new(error)))?;
        let now = tools.clock.now();
        let copy = MediaUpload {
            media: file.id,
            voice: file.voice,
            meta_media_id: id.clone(),
            expires_at: now + KEPT_BY_META,
        };
        let mut tx = tools.db.tenant(organization).await?;
        tx.media_uploads()
            .save(message.number.id, &copy, now)
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The file as Meta gets it.
    async fn open(
        &self,
        message: &ClaimedMessage,
        media: &Media,
        file: StoredFile,
    ) -> Result<Upload, UploadError> {
        let key = match (media.state, &media.storage_key) {
            (MediaState::Stored, Some(key)) => key,
            (MediaState::Pending, _) => {
                return Err(UploadError::Later {
                    code: "media.pending",
                });
            }
            (MediaState::Stored | MediaState::Failed | MediaState::Expired, _) => {
                return Err(UploadError::Stop(Stop::FileMissing));
            }
        };
        let key = MediaKey::parse(message.outgoing.organization, key)
            .map_err(|_| UploadError::Stop(Stop::FileMissing))?;
        let size_bytes = media
            .size_bytes
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or_default();
        if let Err(error) = check_file(file.kind, file.voice, &media.mime_type, size_bytes) {
            tracing::info!(media.id = %media.id, %error, "meta does not take a file");
            return Err(UploadError::Stop(Stop::FileUnsupported));
        }
        let reading = self.store.read(&key, None).await.map_err(storage)?;
        if file.voice {
            return self.voice_note(reading.pieces).await;
        }
        Ok(Upload {
            filename: format!("file.{}", ending(&media.mime_type)),
            mime_type: media.mime_type.clone(),
            size_bytes: reading.size_bytes,
            bytes: Body::wrap_stream(reading.pieces),
        })
    }

    async fn voice_note(
        &self,
        mut pieces: BoxStream<'static, Result<bytes::Bytes, MediaError>>,
    ) -> Result<Upload, UploadError> {
        let mut spool = Spool::new(SOUND_MAX).await.map_err(storage)?;
        while let Some(piece) = pieces.try_next().await.map_err(storage)? {
            spool.write(&piece).await.map_err(|error| match error {
                SpoolError::TooMany(_) => UploadError::Stop(Stop::FileUnsupported),
                SpoolError::Media(error) => storage(error),
            })?;
        }
        let sound = spool.finish().await.map_err(storage)?;
        let FileLimit { bytes, .. } = file_limit(MediaKind::Audio);
        let note: SpooledFile = voice_note(&self.ffmpeg, sound, bytes)
            .await
            .map_err(not_converted)?;
        Ok(Upload {
            mime_type: VOICE_TYPE.to_owned(),
            filename: "voice.ogg".to_owned(),
            size_bytes: note.size_bytes(),
            bytes: Body::wrap_stream(note.into_pieces().await.map_err(storage)?),
        })
    }

    /// Forgets copies that Meta does not have any more.
    pub(super) async fn forget(
        &self,
        tools: &Tools,
        message: &ClaimedMessage,
        files: &[StoredFile],
    ) -> Result<(), DbError> {
        let number = message.number.id;
        for file in files {
            self.known.invalidate(&(number, *file));
        }
        let mut tx = tools.db.tenant(message.outgoing.organization).await?;
        tx.media_uploads().forget(number, files).await?;
        tx.commit().await
    }
}

async fn begin(tools: &Tools, message: &ClaimedMessage) -> Result<(), UploadError> {
    let until = tools.clock.now() + PREPARED_WITHIN;
    let claimed = (&message.outgoing, message.attempt);
    let mut tx = tools.db.system(SystemReason::Dispatch).await?;
    let is_ours = tx.dispatch().begin_preparing(claimed, until).await?;
    tx.commit().await?;
    is_ours.then_some(()).ok_or(UploadError::TakenOver)
}

async fn end(tools: &Tools, message: &ClaimedMessage) -> Result<(), UploadError> {
    let now = tools.clock.now();
    let claimed = (&message.outgoing, message.attempt);
    let mut tx = tools.db.system(SystemReason::Dispatch).await?;
    let is_ours = tx
        .dispatch()
        .end_preparing(claimed, now, now + tools.stale_after)
        .await?;
    tx.commit().await?;
    is_ours.then_some(()).ok_or(UploadError::TakenOver)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the form of a function for map_err"
)]
fn storage(error: MediaError) -> UploadError {
    match error {
        MediaError::NotFound { .. } | MediaError::Damaged { .. } => {
            tracing::error!(
                error = sb_telemetry::as_error(&error),
                "a file that is to be sent is not in the storage"
            );
            UploadError::Stop(Stop::FileMissing)
        }
        MediaError::Folder { .. }
        | MediaError::UnknownStorage { .. }
        | MediaError::Open { .. }
        | MediaError::TooLarge { .. }
        | MediaError::Storage { .. }
        | MediaError::Timeout { .. }
        | MediaError::Spool { .. } => {
            tracing::warn!(
                error = sb_telemetry::as_error(&error),
                "the media storage is away, messages with files wait"
            );
            UploadError::Later {
                code: "media.storage_away",
            }
        }
    }
}

fn not_converted(error: VoiceError) -> UploadError {
    match error {
        VoiceError::Unreadable(said) => {
            tracing::info!(said, "no voice note could be made of a file");
            UploadError::Stop(Stop::FileNoSound)
        }
        VoiceError::TooLarge(_) => UploadError::Stop(Stop::FileUnsupported),
        error @ (VoiceError::Program { .. } | VoiceError::Timeout(_)) => {
            tracing::error!(
                error = sb_telemetry::as_error(&error),
                "voice notes cannot be made, messages with them wait"
            );
            UploadError::Later {
                code: "media.not_converted",
            }
        }
        VoiceError::Media(error) => storage(error),
    }
}

/// Meta looks at the ending of a name as well as at the type.
fn ending(mime_type: &str) -> &'static str {
    match mime_type.split(';').next().unwrap_or_default().trim() {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "video/mp4" => "mp4",
        "video/3gpp" | "video/3gp" => "3gp",
        "audio/aac" => "aac",
        "audio/amr" => "amr",
        "audio/mpeg" => "mp3",
        "audio/mp4" => "m4a",
        "audio/ogg" => "ogg",
        "text/plain" => "txt",
        "application/pdf" => "pdf",
        "application/msword" => "doc",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.ms-powerpoint" => "ppt",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => "pptx",
        _ => "bin",
    }
}
