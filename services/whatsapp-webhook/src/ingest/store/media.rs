//! Files of messages: our id in the content, a row that says they are to be had, and the command to get them.

use sb_db::ingest::{NewFile, NewIngested};
use sb_db::{DbError, SystemTx};
use sb_domain::content::{MediaPart, MessageContent, Part};
use sb_events::proto::media::v1::FetchMedia;
use sb_events::{Origin, meta};
use sb_ids::{EventId, MediaId, MessageId, OrganizationId, PostId};

use super::Stored;
use crate::ingest::announce::Announcer;
use crate::ingest::plan::Written;

/// What `Part::Media` is called in `messages.content_type`.
const KINDS: [&str; 5] = ["image", "audio", "video", "document", "sticker"];

/// A file to be had, and the post that told of it.
pub(in crate::ingest) type Wanted = (NewFile, PostId);

/// The file of a message always has the same id, whichever run stores it.
fn file_id(organization: OrganizationId, wamid: &str) -> MediaId {
    MediaId::derive(organization.as_uuid(), wamid)
}

/// The content of a message with a file, if the file can be had from Meta.
fn with_file(content_type: &str, content_json: &str) -> Option<(MessageContent, String)> {
    if !KINDS.contains(&content_type) {
        return None;
    }
    let content: MessageContent = serde_json::from_str(content_json).ok()?;
    let Part::Media(MediaPart {
        meta_media_id: Some(id),
        ..
    }) = &content.part
    else {
        return None;
    };
    let id = id.clone();
    Some((content, id))
}

/// A message's content as it is stored: its file has an id of ours.
pub(super) fn content(organization: OrganizationId, update: &Written) -> String {
    let named = with_file(update.content_type, &update.content_json).and_then(|(content, _)| {
        let mut content = content;
        if let Part::Media(media) = &mut content.part {
            media.media_id = Some(file_id(organization, &update.wamid));
        }
        serde_json::to_string(&content).ok()
    });
    named.unwrap_or_else(|| update.content_json.clone())
}

/// The file of a stored message.
pub(super) fn wanted(row: &NewIngested, message: MessageId) -> Option<Wanted> {
    let (content, meta_media_id) = with_file(row.content_type, &row.content_json)?;
    let Part::Media(media) = content.part else {
        return None;
    };
    let file = NewFile {
        organization: row.organization,
        id: file_id(row.organization, &row.wamid),
        message,
        number: row.number,
        kind: media.kind,
        meta_media_id,
        mime_type: media.mime_type.unwrap_or_default(),
        filename: media.filename.unwrap_or_default(),
        received_at: row.received_at,
    };
    Some((file, row.post))
}

/// Records the files of a batch and has them fetched. A file that is known already is asked for again: an earlier
/// run may have ended before it could ask, and who fetches looks at the row.
pub(super) async fn write(
    tx: &mut SystemTx,
    announcer: &Announcer,
    stored: &mut Stored,
) -> Result<(), DbError> {
    let (files, posts): (Vec<NewFile>, Vec<PostId>) = stored.wanted.drain(..).unzip();
    tx.ingest().insert_files(&files).await?;
    for (file, post) in files.iter().zip(posts) {
        let command = FetchMedia {
            meta: Some(meta(
                EventId::derive(file.id.as_uuid(), "media.fetch"),
                file.received_at,
                file.organization,
                Origin::start(post.as_uuid()),
            )),
            media_id: file.id.to_string(),
        };
        stored.events.push(announcer.told(&command)?);
    }
    Ok(())
}
