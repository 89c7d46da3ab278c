//! Which access token Meta is asked with for files.

use sb_config::Secret;
use sb_ids::{NumberId, OrganizationId};
use sb_vault::{Binding, SealedSecret, Vault, VaultError};

/// Opens the tokens of numbers; knows the installation's own.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    vault: Vault,
    system_user: Secret,
}

/// Why a stored token cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The vault refused.
    #[error("opening the access token of number {number}")]
    Vault {
        /// The number.
        number: NumberId,
        /// Why.
        #[source]
        source: VaultError,
    },
    /// What was sealed is not text.
    #[error("the access token of number {number} is not text")]
    NotText {
        /// The number.
        number: NumberId,
    },
}

impl Tokens {
    pub(crate) const fn new(vault: Vault, system_user: Secret) -> Self {
        Self { vault, system_user }
    }

    /// The installation's own token, if it has one.
    pub(crate) fn system_user(&self) -> Option<Secret> {
        self.system_user.is_set().then(|| self.system_user.clone())
    }

    /// Opens the token of a number.
    ///
    /// # Errors
    /// [`TokenError`] when it was sealed under a key we do not have, for another row, or is damaged.
    pub(crate) fn open(
        &self,
        organization: OrganizationId,
        number: NumberId,
        sealed: &[u8],
    ) -> Result<Secret, TokenError> {
        let failed = |source| TokenError::Vault { number, source };
        let (organization, row) = (organization.as_uuid(), number.as_uuid());
        let binding = Binding {
            table: "numbers",
            column: "access_token_sealed",
            organization_id: organization.as_bytes(),
            row_id: row.as_bytes(),
        };
        let secret = SealedSecret::from_bytes(sealed).map_err(failed)?;
        let opened = self.vault.open(&binding, &secret).map_err(failed)?;
        let token = opened
            .expose_str()
            .map_err(|_| TokenError::NotText { number })?;
        Ok(Secret::from(token))
    }
}
