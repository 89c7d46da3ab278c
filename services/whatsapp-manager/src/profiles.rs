//! One number's profile: asked of Meta, stored, and announced where it changed.

use sb_cloud_api::graph::{Graph, PhoneNumberProfile};
use sb_config::Secret;
use sb_db::{Db, DbError, NumberProfile, ProfileSource, SavedProfile};
use sb_domain::Clock;
use sb_events::number_changed;
use sb_ids::{NumberId, OrganizationId};

use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::tokens::Tokens;

/// What a refresh brought.
pub(crate) type Refreshed = SavedProfile;

/// Reads profiles. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    pub(crate) db: Db,
    pub(crate) graph: Graph,
    pub(crate) tokens: Tokens,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
}

impl Profiles {
    /// Reads the profile of an organization's number.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) async fn refresh(
        &self,
        organization: OrganizationId,
        number: NumberId,
    ) -> Result<Refreshed, Failure> {
        let mut tx = self.db.tenant(organization).await?;
        let source = tx.number_profiles().find_source(number).await?;
        tx.rollback().await?;
        let source = source.ok_or(Failure::NumberUnknown)?;
        self.refresh_source(organization, &source).await
    }

    /// Reads the profile of a number whose token is at hand. Repeating it is harmless: what Meta says is compared
    /// with the row that is locked meanwhile.
    ///
    /// # Errors
    /// [`Failure`]. A token that Meta does not accept is recorded first.
    #[tracing::instrument(
        name = "handler.profile.refresh",
        skip_all,
        fields(organization.id = %organization, number.id = %source.number),
    )]
    pub(crate) async fn refresh_source(
        &self,
        organization: OrganizationId,
        source: &ProfileSource,
    ) -> Result<Refreshed, Failure> {
        let outcome = self.read_and_save(organization, source).await;
        self.metrics.refreshed(outcome.as_ref());
        if let (Err(failure), Some(used)) = (&outcome, source.access_token_sealed.as_deref())
            && failure.is_token_rejected()
        {
            self.reject_token(organization, source.number, used).await?;
        }
        outcome
    }

    async fn read_and_save(
        &self,
        organization: OrganizationId,
        source: &ProfileSource,
    ) -> Result<Refreshed, Failure> {
        let token = self.token(organization, source)?;
        let said = self
            .graph
            .phone_number(&token, &source.phone_number_id)
            .await?;
        let now = self.clock.now();
        let used = source.access_token_sealed.as_deref();
        let mut tx = self.db.tenant(organization).await?;
        let saved = tx
            .number_profiles()
            .save(source.number, &profile(said), used, now)
            .await?
            .ok_or(Failure::NumberUnknown)?;
        if !saved.changed.is_empty() {
            let event = number_changed(organization, source.number, &saved.changed, now);
            tx.outbox().append(&event, now).await?;
        }
        tx.commit().await?;
        Ok(saved)
    }

    fn token(
        &self,
        organization: OrganizationId,
        source: &ProfileSource,
    ) -> Result<Secret, Failure> {
        match &source.access_token_sealed {
            Some(sealed) => Ok(self.tokens.open(organization, source.number, sealed)?),
            None => self.tokens.system_user().ok_or(Failure::TokenMissing),
        }
    }

    /// Records that Meta does not accept a number's token, so that nothing is sent with it.
    ///
    /// # Errors
    /// [`DbError`].
    pub(crate) async fn reject_token(
        &self,
        organization: OrganizationId,
        number: NumberId,
        used: &[u8],
    ) -> Result<(), DbError> {
        let now = self.clock.now();
        let mut tx = self.db.tenant(organization).await?;
        if tx.number_profiles().reject_token(number, used, now).await? {
            tracing::warn!(number.id = %number, "Meta does not accept the number's access token");
            let event = number_changed(organization, number, &["token_rejected_at"], now);
            tx.outbox().append(&event, now).await?;
        }
        tx.commit().await
    }
}

fn profile(said: PhoneNumberProfile) -> NumberProfile {
    NumberProfile {
        display_phone_number: said.display_phone_number,
        verified_name: said.verified_name,
        status: said.status,
        quality_rating: said.quality_rating,
        throughput_level: said.throughput_level,
        messaging_limit: said.messaging_limit,
    }
}
