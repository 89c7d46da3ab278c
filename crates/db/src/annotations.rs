//! What annotation made of files, and the artifacts it adds to their messages.

use chrono::{DateTime, Utc};
use sb_domain::content::{Artifact, ArtifactKind};
use sb_ids::{ContactId, ConversationId, MediaId, MessageId, NumberId};

use crate::{DbError, TenantTx};

/// A message whose file was annotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotatedMessage {
    /// The message.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Its contact.
    pub contact: ContactId,
    /// Its number.
    pub number: NumberId,
    /// Its place.
    pub sequence: i64,
    /// Its wamid.
    pub wamid: Option<String>,
}

/// Annotations of one organization's files.
#[derive(Debug)]
pub struct Annotations<'t>(&'t mut TenantTx);

impl TenantTx {
    /// Annotations of the organization's files.
    pub const fn annotations(&mut self) -> Annotations<'_> {
        Annotations(self)
    }
}

const fn word(kind: ArtifactKind) -> &'static str {
    match kind {
        ArtifactKind::Transcription => "transcription",
        ArtifactKind::Description => "description",
    }
}

impl Annotations<'_> {
    /// Saves what was made of a file; saving again replaces it.
    ///
    /// # Errors
    /// [`DbError::Dangling`] when the file is gone, or a query error.
    pub async fn save_done(
        &mut self,
        media: MediaId,
        artifacts: &[Artifact],
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        for artifact in artifacts {
            self.save(media, word(artifact.kind), ("done", &artifact.text, ""), at)
                .await?;
        }
        Ok(())
    }

    /// Saves that nothing could be made of a file, and why.
    ///
    /// # Errors
    /// [`DbError::Dangling`] when the file is gone, or a query error.
    pub async fn save_failed(
        &mut self,
        media: MediaId,
        reason: &str,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        self.save(media, "transcription", ("failed", "", reason), at)
            .await
    }

    async fn save(
        &mut self,
        media: MediaId,
        kind: &str,
        (state, text, error): (&str, &str, &str),
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            INSERT INTO annotations (organization_id, media_id, kind, state, text, error, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (organization_id, media_id, kind) DO UPDATE
            SET state = excluded.state, text = excluded.text, error = excluded.error,
                created_at = excluded.created_at
            "#,
            self.0.organization().as_uuid(),
            media.as_uuid(),
            kind,
            state,
            text,
            error,
            at,
        )
        .execute(self.0.connection())
        .await
        .map(drop)
        .map_err(DbError::of("annotations.save"))
    }

    /// Puts the artifacts into the content of the message that has the file.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn attach(
        &mut self,
        message: MessageId,
        artifacts: &[Artifact],
    ) -> Result<Option<AnnotatedMessage>, DbError> {
        let artifacts = serde_json::to_value(artifacts).unwrap_or_default();
        let row = sqlx::query!(
            r#"
            UPDATE messages
            SET content = jsonb_set(content, '{artifacts}', $3)
            WHERE organization_id = $1 AND id = $2
            RETURNING id, conversation_id, contact_id, number_id, sequence, wamid
            "#,
            self.0.organization().as_uuid(),
            message.as_uuid(),
            artifacts,
        )
        .fetch_optional(self.0.connection())
        .await
        .map_err(DbError::of("messages.attach_artifacts"))?;
        Ok(row.map(|row| AnnotatedMessage {
            id: row.id.into(),
            conversation: row.conversation_id.into(),
            contact: row.contact_id.into(),
            number: row.number_id.into(),
            sequence: row.sequence,
            wamid: row.wamid,
        }))
    }
}
