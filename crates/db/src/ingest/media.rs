//! Files of messages that were written elsewhere: known by Meta's id before their bytes are here.

use chrono::{DateTime, Utc};
use sb_domain::content::MediaKind;
use sb_ids::{MediaId, MessageId, NumberId, OrganizationId};

use super::{Ingest, column};
use crate::DbError;

/// A file that is to be had from Meta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// The tenant.
    pub organization: OrganizationId,
    /// Its id.
    pub id: MediaId,
    /// The message it came with.
    pub message: MessageId,
    /// The number it came to, whose token gets it.
    pub number: NumberId,
    /// What kind of file.
    pub kind: MediaKind,
    /// Meta's id.
    pub meta_media_id: String,
    /// What the sender says it is; empty when nothing is said.
    pub mime_type: String,
    /// Its name; empty when it has none.
    pub filename: String,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
}

impl Ingest<'_> {
    /// Records files whose bytes are not here yet; known ones stay as they are.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn insert_files(&mut self, files: &[NewFile]) -> Result<(), DbError> {
        if files.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            r#"
            INSERT INTO media (
                organization_id, id, message_id, number_id, kind, meta_media_id, mime_type, filename, created_at, state)
            SELECT o, i, m, n, k, a, t, f, r, 'pending'
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::timestamptz[])
                AS x (o, i, m, n, k, a, t, f, r)
            ON CONFLICT (organization_id, id) DO NOTHING
            "#,
            &column(files, |f| f.organization.as_uuid()),
            &column(files, |f| f.id.as_uuid()),
            &column(files, |f| f.message.as_uuid()),
            &column(files, |f| f.number.as_uuid()),
            &column(files, |f| f.kind.as_str().to_owned()),
            &column(files, |f| f.meta_media_id.clone()),
            &column(files, |f| f.mime_type.clone()),
            &column(files, |f| f.filename.clone()),
            &column(files, |f| f.received_at),
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("media.insert_files"))
    }
}
