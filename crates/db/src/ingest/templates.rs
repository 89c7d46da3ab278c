//! Templates, as far as webhooks tell of them. Each word counts if it is not older than what is known.

use chrono::{DateTime, Utc};
use sb_ids::OrganizationId;
use serde_json::Value;

use super::Ingest;
use crate::DbError;

/// Which template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateKey {
    /// The tenant.
    pub organization: OrganizationId,
    /// Meta's id of the account.
    pub waba_id: String,
    /// Meta's id of the template.
    pub template_id: String,
    /// Its name; empty when the update does not say.
    pub name: String,
    /// Its language; empty when the update does not say.
    pub language: String,
}

/// What is told about a template.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateFact {
    /// Its status, and Meta's reasons.
    Status {
        /// `APPROVED`, …
        status: String,
        /// Its category; empty when the update does not say.
        category: String,
        /// Reasons, dates and pauses as received.
        detail: Value,
    },
    /// Its quality.
    Quality(String),
    /// Its category.
    Category(String),
    /// What its category will be.
    NextCategory {
        /// The category.
        category: String,
        /// When.
        at: Option<DateTime<Utc>>,
    },
    /// What it says, as received.
    Components(Value),
}

impl Ingest<'_> {
    /// Records what is told about a template; repeating it changes nothing.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn tell_template(
        &mut self,
        key: &TemplateKey,
        fact: &TemplateFact,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        self.ensure_template(key, at).await?;
        match fact {
            TemplateFact::Status {
                status,
                category,
                detail,
            } => {
                self.template_status(key, (status, category, detail), at)
                    .await
            }
            TemplateFact::Quality(quality) => self.template_quality(key, quality, at).await,
            TemplateFact::Category(category) => {
                self.template_category(key, (category, "", None), at).await
            }
            TemplateFact::NextCategory {
                category,
                at: next_at,
            } => {
                self.template_category(key, ("", category, *next_at), at)
                    .await
            }
            TemplateFact::Components(components) => {
                self.template_components(key, components, at).await
            }
        }
    }

    async fn ensure_template(
        &mut self,
        key: &TemplateKey,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            INSERT INTO templates AS t (organization_id, waba_id, template_id, name, language, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $6)
            ON CONFLICT (organization_id, template_id) DO UPDATE
            SET name = CASE WHEN excluded.name = '' THEN t.name ELSE excluded.name END,
                language = CASE WHEN excluded.language = '' THEN t.language ELSE excluded.language END,
                updated_at = greatest(t.updated_at, excluded.updated_at)
            "#,
            key.organization.as_uuid(),
            key.waba_id,
            key.template_id,
            key.name,
            key.language,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("templates.ensure"))
    }

    async fn template_status(
        &mut self,
        key: &TemplateKey,
        (status, category, detail): (&str, &str, &Value),
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE templates
            SET status = $3, status_detail = $4, status_at = $6,
                category = CASE WHEN $5 = '' OR category_at > $6 THEN category ELSE $5 END
            WHERE organization_id = $1 AND template_id = $2 AND coalesce(status_at <= $6, true)
            "#,
            key.organization.as_uuid(),
            key.template_id,
            status,
            detail,
            category,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("templates.status"))
    }

    async fn template_quality(
        &mut self,
        key: &TemplateKey,
        quality: &str,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE templates SET quality = $3, quality_at = $4
            WHERE organization_id = $1 AND template_id = $2 AND coalesce(quality_at <= $4, true)
            "#,
            key.organization.as_uuid(),
            key.template_id,
            quality,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("templates.quality"))
    }

    async fn template_category(
        &mut self,
        key: &TemplateKey,
        (now, next, next_at): (&str, &str, Option<DateTime<Utc>>),
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE templates
            SET category = CASE WHEN $3 = '' THEN category ELSE $3 END,
                next_category = $4, next_category_at = $5, category_at = $6
            WHERE organization_id = $1 AND template_id = $2 AND coalesce(category_at <= $6, true)
            "#,
            key.organization.as_uuid(),
            key.template_id,
            now,
            next,
            next_at,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("templates.category"))
    }

    async fn template_components(
        &mut self,
        key: &TemplateKey,
        components: &Value,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE templates SET components = $3, components_at = $4
            WHERE organization_id = $1 AND template_id = $2 AND coalesce(components_at <= $4, true)
            "#,
            key.organization.as_uuid(),
            key.template_id,
            components,
            at,
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("templates.components"))
    }
}
