//! WhatsApp Business Accounts: their numbers as Meta lists them, and the subscription of the app.

use chrono::{DateTime, Utc};
use sb_cloud_api::graph::PhoneNumberProfile;
use sb_config::Secret;
use sb_db::Account;
use sb_ids::{OrganizationId, WabaId};

use crate::failure::Failure;
use crate::profiles::Profiles;

impl Profiles {
    /// Lists the numbers of an organization's account as Meta knows them, connected here or not.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) async fn phone_numbers(
        &self,
        organization: OrganizationId,
        waba: &WabaId,
    ) -> Result<Vec<PhoneNumberProfile>, Failure> {
        let account = self.account(organization, waba).await?;
        let token = self.account_token(organization, &account)?;
        let listed = self.graph.phone_numbers(&token, waba).await;
        self.settle(organization, &account, listed.map_err(Failure::from))
            .await
    }

    /// Has Meta send an account's updates to our app. Repeating it is harmless.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) async fn subscribe(
        &self,
        organization: OrganizationId,
        waba: &WabaId,
    ) -> Result<DateTime<Utc>, Failure> {
        let account = self.account(organization, waba).await?;
        let token = self.account_token(organization, &account)?;
        let subscribed = self.graph.subscribe_app(&token, waba).await;
        self.settle(organization, &account, subscribed.map_err(Failure::from))
            .await?;
        let now = self.clock.now();
        let mut tx = self.db.tenant(organization).await?;
        let is_known = tx.number_profiles().mark_subscribed(waba, now).await?;
        tx.commit().await?;
        if is_known {
            Ok(now)
        } else {
            Err(Failure::AccountUnknown)
        }
    }

    async fn account(
        &self,
        organization: OrganizationId,
        waba: &WabaId,
    ) -> Result<Account, Failure> {
        let mut tx = self.db.tenant(organization).await?;
        let found = tx.number_profiles().find_account(waba).await?;
        tx.rollback().await?;
        found.ok_or(Failure::AccountUnknown)
    }

    /// The token of one of the account's numbers, else the installation's. The latter reaches the accounts of all
    /// tenants; what keeps them apart is that an account belongs to one of them.
    fn account_token(
        &self,
        organization: OrganizationId,
        account: &Account,
    ) -> Result<Secret, Failure> {
        match (account.token_of, &account.access_token_sealed) {
            (Some(number), Some(sealed)) => Ok(self.tokens.open(organization, number, sealed)?),
            (_, _) => self.tokens.system_user().ok_or(Failure::TokenMissing),
        }
    }

    /// Records a refused token before the refusal is passed on.
    async fn settle<T>(
        &self,
        organization: OrganizationId,
        account: &Account,
        outcome: Result<T, Failure>,
    ) -> Result<T, Failure> {
        if let (Err(failure), Some(number), Some(used)) = (
            &outcome,
            account.token_of,
            account.access_token_sealed.as_deref(),
        ) && failure.is_token_rejected()
        {
            self.reject_token(organization, number, used).await?;
        }
        outcome
    }
}
